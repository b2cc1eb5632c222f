/** The interpreter's memory as the host sees it, through views of the host's own. */

// Called on the memory of another realm, whose own getter a script could have replaced.
const bufferOf = Object.getOwnPropertyDescriptor(WebAssembly.Memory.prototype, "buffer");

/** Growing detaches the old views, so each use goes through the getters. */
export class MemoryViews {
  readonly #memory: object;
  #bytes = new Uint8Array(0);
  #words = new Uint32Array(0);

  constructor(memory: object) {
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

  #renew(): void {
    const buffer = bufferOf?.get?.call(this.#memory) as ArrayBuffer;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
  }
}
