/** A copy of the interpreter's memory, to be put back after every invocation. */

import type { MemoryViews } from "./linear-memory.js";

const CHUNK = 64 * 1024;
const ZEROS = Buffer.alloc(CHUNK);

/** Holds only what is not zero: about half of the memory. */
export class Pristine {
  readonly #memory: MemoryViews;
  /** By address; those that are not here are zero, and so is what the memory has grown by since. */
  readonly #chunks = new Map<number, Buffer>();

  constructor(memory: MemoryViews) {
    this.#memory = memory;
    const bytes = asBuffer(memory.bytes);
    const starts = Array.from({ length: bytes.length / CHUNK }, (_, index) => index * CHUNK);
    const used = starts.filter((at) => bytes.compare(ZEROS, 0, CHUNK, at, at + CHUNK) !== 0);
    // One buffer is quicker to read through than three hundred.
    const copies = Buffer.allocUnsafeSlow(used.length * CHUNK);
    for (const [index, at] of used.entries()) {
      const copy = copies.subarray(index * CHUNK, (index + 1) * CHUNK);
      bytes.copy(copy, 0, at);
      this.#chunks.set(at, copy);
    }
  }

  /** Writes only where something has changed, so that memory nobody used stays unused. */
  restore(): void {
    const bytes = asBuffer(this.#memory.bytes);
    for (let at = 0; at < bytes.length; at += CHUNK) {
      const chunk = this.#chunks.get(at) ?? ZEROS;
      if (bytes.compare(chunk, 0, CHUNK, at, at + CHUNK) !== 0) {
        chunk.copy(bytes, at);
      }
    }
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
