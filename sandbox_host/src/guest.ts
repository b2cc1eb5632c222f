/** The guest as the host sees it: a few functions and some buffers in its memory. */

import type { PyBufferView, PyProxy } from "pyodide/ffi";

import { type Capabilities, type Place, type Wiring, makeCapabilities } from "./capabilities.js";
import { MemoryViews } from "./linear-memory.js";
import type { EmscriptenModule, Interpreter } from "./pyodide-internals.js";
import { softStop } from "./soft-stop.js";

/** The functions of _picloud/entry.py. */
interface Entry extends PyProxy {
  attach(host: Capabilities): void;
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
  readonly calls: PyProxy & { readonly buffer: Buffered };
  readonly deadline: PyProxy & { readonly word: Buffered };
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
  readonly #memory: MemoryViews;
  readonly #inbox: number;
  readonly #outbox: number;
  readonly #shared: number;

  constructor(interpreter: Interpreter, wires: Pick<Wiring, "callsFd" | "send" | "wake">) {
    this.#module = interpreter._module;
    this.#memory = new MemoryViews(this.#module.memory);
    this.#entry = interpreter.pyimport("_picloud.entry") as Entry;
    const entry = this.#entry;
    const inbox = placeOf(entry.inbox);
    const outbox = placeOf(entry.outbox.buffer);
    const calls = placeOf(entry.calls.buffer);
    this.#inbox = inbox.start;
    this.inboxSize = inbox.size;
    this.#outbox = outbox.start;
    this.#shared = placeOf(entry.outbox.shared).start / 4;
    this.run = entry.run;
    this.pump = entry.pump;
    this.window = entry.window;
    this.cancel = entry.cancel;
    this.tick = entry.tick;
    const stop = softStop(this.#memory, placeOf(entry.deadline.word).start);
    interpreter.setInterruptBuffer(stop as Uint8Array);
    const host = makeCapabilities({ ...wires, memory: this.#memory, outbox, calls });
    entry.attach(host);
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
    let at = placeOf(array).start;
    array.destroy();
    for (const piece of pieces) {
      this.#memory.bytes.set(piece, at);
      at += piece.length;
    }
  }

  /** The inbox as it is now: the memory may move whenever Python runs. */
  get inbox(): Buffer {
    return Buffer.from(this.#memory.bytes.buffer, this.#inbox, this.inboxSize);
  }

  putFrame(at: number, frame: Uint8Array): void {
    this.#memory.bytes.set(frame, this.#inbox + at);
  }

  /** What the guest has written and not sent; the caller sends it. */
  takeOutput(send: (bytes: Uint8Array, start: number, end: number) => void): void {
    const words = this.#memory.words;
    const filled = words[this.#shared + Word.Filled] ?? 0;
    if (filled > 0) {
      words[this.#shared + Word.Filled] = 0;
      send(this.#memory.bytes, this.#outbox, this.#outbox + filled);
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
    return this.#memory.words[this.#shared + index] ?? 0;
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

/** Where a buffer of Python's lies, which stays there as long as Python keeps it. */
function placeOf(buffered: Buffered): Place {
  const view = buffered.getBuffer();
  const place = { start: view.data.byteOffset, size: view.data.byteLength };
  view.release();
  return place;
}
