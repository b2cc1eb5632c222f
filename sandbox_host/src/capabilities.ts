/** The functions of the host that Python gets. They take and give numbers only. */

import { readSync, writeSync } from "node:fs";

import type { MemoryViews } from "./linear-memory.js";
import type { Capabilities } from "./realm/host.js";

/** A buffer in the interpreter's memory, in bytes. */
interface Place {
  readonly start: number;
  readonly size: number;
}

export interface Wiring {
  readonly memory: MemoryViews;
  readonly outbox: Place;
  readonly calls: Place;
  /** The call socket, which blocks. */
  readonly callsFd: number;
  readonly send: (bytes: Uint8Array, start: number, end: number) => void;
  readonly wake: () => void;
}

export function makeCapabilities(wiring: Wiring): Capabilities {
  const { memory, outbox, calls, callsFd, send, wake } = wiring;
  const clock = new Int32Array(new SharedArrayBuffer(4));
  return {
    send: (size) => {
      send(memory.bytes, outbox.start, endOf(outbox, size));
    },
    wake,
    call_write: (size) => {
      const end = endOf(calls, size);
      for (let at = calls.start; at < end; ) {
        at += writeSync(callsFd, memory.bytes, at, end - at);
      }
    },
    call_read: (size) => {
      const room = endOf(calls, size) - calls.start;
      return readSync(callsFd, memory.bytes, calls.start, room, null);
    },
    sleep: (milliseconds) => {
      if (milliseconds > 0) {
        Atomics.wait(clock, 0, 0, milliseconds);
      }
    },
  };
}

function endOf(place: Place, size: number): number {
  if (!Number.isInteger(size) || size < 0 || size > place.size) {
    throw new RangeError(`the size must be from 0 to ${String(place.size)}`);
  }
  return place.start + size;
}
