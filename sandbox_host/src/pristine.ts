/** A copy of the interpreter's memory, to be put back after every invocation. */

import type { MemoryViews } from "./linear-memory.js";

const CHUNK = 64 * 1024;
const ZEROS = Buffer.alloc(CHUNK);

/** Holds only what is not zero: about half of the memory. */
export class Pristine {
  readonly #memory: MemoryViews;
  /** By chunk; null for zeros. What the memory has grown by since is zero too. */
  readonly #chunks: (Buffer | null)[] = [];

  constructor(memory: MemoryViews) {
    this.#memory = memory;
    const bytes = asBuffer(memory.bytes);
    for (let at = 0; at < bytes.length; at += CHUNK) {
      const chunk = bytes.subarray(at, at + CHUNK);
      this.#chunks.push(chunk.equals(ZEROS) ? null : Buffer.from(chunk));
    }
  }

  /** Writes only where something has changed, so that memory nobody used stays unused. */
  restore(): void {
    const bytes = asBuffer(this.#memory.bytes);
    for (let at = 0; at < bytes.length; at += CHUNK) {
      const chunk = this.#chunks[at / CHUNK] ?? ZEROS;
      if (bytes.compare(chunk, 0, CHUNK, at, at + CHUNK) !== 0) {
        chunk.copy(bytes, at);
      }
    }
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
