/** The guest as the host sees it: a few functions and three buffers in its memory. */

import type { PyBufferView, PyProxy } from "pyodide/ffi";

import type { EmscriptenModule, Interpreter } from "./pyodide-internals.js";

/** The functions of _picloud/entry.py. */
interface Entry extends PyProxy {
  attach(send: (size: number) => void, wake: () => void): void;
  bind(payload: Uint8Array): void;
  check(stream: number, source: Uint8Array): void;
  put_body(stream: number, size: number): Buffered;
  readonly run: (start: number, end: number) => void;
  readonly pump: () => void;
  readonly window: (stream: number, credit: number) => void;
  readonly cancel: (stream: number) => void;
  readonly tick: () => void;
  readonly inbox: Buffered;
  readonly outbox: PyProxy & { readonly buffer: Buffered; readonly shared: Buffered };
}

interface Buffered extends PyProxy {
  getBuffer(type?: string): PyBufferView;
}

/** Words of the shared block, as in _picloud/outbox.py. */
const Word = { Filled: 0, Current: 1, Consumed: 2, Timer: 3, Status: 4 } as const;
const NEVER = 0xffffffff;
const PUMP = 1;
const BUSY = 2;
const STEPPING = 4;

/** Flags the host adds to an INVOKE in the inbox. */
export const BODY_ASIDE = 0x40;
export const CANCELLED = 0x80;

export class Guest {
  readonly run: (start: number, end: number) => void;
  readonly pump: () => void;
  readonly window: (stream: number, credit: number) => void;
  readonly cancel: (stream: number) => void;
  readonly tick: () => void;
  readonly inboxSize: number;
  readonly #entry: Entry;
  readonly #module: EmscriptenModule;
  readonly #inbox: number;
  readonly #outbox: number;
  readonly #shared: number;

  constructor(interpreter: Interpreter, send: (b: Uint8Array, s: number, e: number) => void, wake: () => void) {
    this.#module = interpreter._module;
    this.#entry = interpreter.pyimport("_picloud.entry") as Entry;
    const entry = this.#entry;
    const inbox = entry.inbox.getBuffer("u8");
    this.#inbox = inbox.data.byteOffset;
    this.inboxSize = inbox.data.byteLength;
    this.#outbox = entry.outbox.buffer.getBuffer("u8").data.byteOffset;
    this.#shared = entry.outbox.shared.getBuffer("u32").data.byteOffset / 4;
    this.run = entry.run;
    this.pump = entry.pump;
    this.window = entry.window;
    this.cancel = entry.cancel;
    this.tick = entry.tick;
    entry.attach((size) => {
      send(this.#module.HEAPU8, this.#outbox, this.#outbox + size);
    }, wake);
  }

  bind(payload: Uint8Array): void {
    this.#entry.bind(payload);
  }

  check(stream: number, source: Uint8Array): void {
    this.#entry.check(stream, source);
  }

  /** Puts a body that came in pieces where its invocation will find it. */
  putBody(stream: number, size: number, pieces: readonly Uint8Array[]): void {
    const array = this.#entry.put_body(stream, size);
    const view = array.getBuffer("u8");
    let at = view.data.byteOffset;
    view.release();
    array.destroy();
    for (const piece of pieces) {
      this.#module.HEAPU8.set(piece, at);
      at += piece.length;
    }
  }

  /** The inbox as it is now: the memory may move whenever Python runs. */
  get inbox(): Buffer {
    return Buffer.from(this.#module.HEAPU8.buffer, this.#inbox, this.inboxSize);
  }

  putFrame(at: number, frame: Uint8Array): void {
    this.#module.HEAPU8.set(frame, this.#inbox + at);
  }

  /** What the guest has written and not sent; the caller sends it. */
  takeOutput(send: (bytes: Uint8Array, start: number, end: number) => void): void {
    const words = this.#module.HEAPU32;
    const filled = words[this.#shared + Word.Filled] ?? 0;
    if (filled > 0) {
      words[this.#shared + Word.Filled] = 0;
      send(this.#module.HEAPU8, this.#outbox, this.#outbox + filled);
    }
  }

  /** How far into the inbox the last run got. */
  get consumed(): number {
    return this.#word(Word.Consumed);
  }

  get currentStream(): number {
    return this.#word(Word.Current);
  }

  /** Milliseconds to the next timer, or null. */
  get timer(): number | null {
    const delay = this.#word(Word.Timer);
    return delay === NEVER ? null : delay;
  }

  get wantsPump(): boolean {
    return (this.#word(Word.Status) & PUMP) !== 0;
  }

  get busy(): boolean {
    return (this.#word(Word.Status) & BUSY) !== 0;
  }

  /** Whether a generator has the floor, so that nothing else may run. */
  get stepping(): boolean {
    return (this.#word(Word.Status) & STEPPING) !== 0;
  }

  #word(index: number): number {
    return this.#module.HEAPU32[this.#shared + index] ?? 0;
  }

  /** Caps the interpreter's memory; Python sees a MemoryError beyond. */
  limitMemory(bytes: number): void {
    const memory = this.#module.memory;
    const grow = memory.grow.bind(memory);
    Object.defineProperty(memory, "grow", {
      value: (pages: number) => {
        if (memory.buffer.byteLength + pages * 65536 > bytes) {
          throw new RangeError("the memory limit is reached");
        }
        return grow(pages);
      },
    });
  }
}
