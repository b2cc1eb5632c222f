/** The interpreter's memory as the host sees it, through views of the host's own. */

/** A WebAssembly.Memory, as far as it is used here. */
export interface LinearMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** Growing detaches the old views, so each use goes through the getters. */
export class MemoryViews {
  readonly #memory: LinearMemory;
  #bytes = new Uint8Array(0);
  #words = new Uint32Array(0);
  #doubles = new Float64Array(0);

  constructor(memory: LinearMemory) {
    this.#memory = memory;
  }

  get bytes(): Uint8Array {
    if (this.#bytes.length === 0) {
      this.#renew();
    }
    return this.#bytes;
  }

  get words(): Uint32Array {
    if (this.#words.length === 0) {
      this.#renew();
    }
    return this.#words;
  }

  get doubles(): Float64Array {
    if (this.#doubles.length === 0) {
      this.#renew();
    }
    return this.#doubles;
  }

  #renew(): void {
    const buffer = this.#memory.buffer;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
    this.#doubles = new Float64Array(buffer);
  }
}
