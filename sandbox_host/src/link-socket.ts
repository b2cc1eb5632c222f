/** The socket of the link: writes go out at once, reads come as chunks. */

import { writeSync } from "node:fs";
import type { Socket } from "node:net";

import { net } from "./builtins.js";

const READ_SIZE = 64 * 1024;

export interface LinkEvents {
  onChunk(chunk: Buffer): void;
  onClosed(): void;
}

/**
 * Writes with a plain system call, which is both quicker than a stream and done when it returns;
 * only what the socket does not take is queued.
 */
export class LinkSocket {
  readonly #fd: number;
  readonly #socket: Socket;

  constructor(fd: number, events: LinkEvents) {
    this.#fd = fd;
    const buffer = Buffer.allocUnsafeSlow(READ_SIZE);
    this.#socket = new (net().Socket)({
      fd,
      readable: true,
      writable: true,
      onread: {
        buffer,
        callback: (size) => {
          events.onChunk(buffer.subarray(0, size));
          return true;
        },
      },
    });
    this.#socket.on("end", () => {
      events.onClosed();
    });
    this.#socket.on("error", () => {
      events.onClosed();
    });
    this.#socket.resume();
    this.#socket.read(0);
  }

  /** Sends `bytes[start, end)`; the bytes may change as soon as this returns. */
  send(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    if (this.#socket.writableLength === 0) {
      at = this.#writeNow(bytes, start, end);
    }
    if (at < end) {
      this.#socket.write(Buffer.from(bytes.subarray(at, end)));
    }
  }

  /** Calls back when everything has left. */
  whenSent(callback: () => void): void {
    if (this.#socket.writableLength === 0) {
      callback();
    } else {
      this.#socket.once("drain", callback);
    }
  }

  #writeNow(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    try {
      while (at < end) {
        at += writeSync(this.#fd, bytes, at, end - at);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") {
        throw error;
      }
    }
    return at;
  }
}
