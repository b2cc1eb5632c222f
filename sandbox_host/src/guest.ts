/** The guest as the host sees it: a few functions and some buffers in its memory. */

import { type Wiring, makeCapabilities } from "./capabilities.js";
import { MemoryViews } from "./linear-memory.js";
import { Pristine } from "./pristine.js";
import type { Port } from "./realm/host.js";

/** Words of the shared block, as in _picloud/outbox.py. */
const Word = { Filled: 0, Current: 1, Consumed: 2, Timer: 3, Status: 4 } as const;
const NEVER = 0xffffffff;
const PUMP = 1;
const BUSY = 2;
const STEPPING = 4;

/** Flags the host adds to an INVOKE in the inbox. */
export const BODY_ASIDE = 0x40;
export const CANCELLED = 0x80;

/** Flag the host adds to a RESULT: another piece of it comes next. */
const MORE = 0x40;

/** The interpreter has died: nothing in it can be trusted, or called again. */
export class GuestDiedError extends Error {
  override readonly name = "GuestDiedError";
}

export class Guest {
  readonly inboxSize: number;
  readonly #port: Port;
  readonly #memory: MemoryViews;
  readonly #shared: number;
  #pristine: Pristine | null = null;

  constructor(port: Port, wires: Pick<Wiring, "callsFd" | "send" | "wake">) {
    this.#port = port;
    this.#memory = new MemoryViews(port.memory);
    this.inboxSize = port.inboxSize;
    this.#shared = port.shared / 4;
    const host = makeCapabilities({
      ...wires,
      memory: this.#memory,
      outbox: { start: port.outbox, size: port.outboxSize },
      calls: { start: port.calls, size: port.callsSize },
    });
    alive(port.attach(host, () => performance.now()));
  }

  run(start: number, end: number): void {
    alive(this.#port.run(start, end));
  }

  pump(): void {
    alive(this.#port.pump());
  }

  window(stream: number, credit: number): void {
    alive(this.#port.window(stream, credit));
  }

  cancel(stream: number): void {
    alive(this.#port.cancel(stream));
  }

  tick(): void {
    alive(this.#port.tick());
  }

  /** Lets the script clean up; that is done once it is not busy. */
  retire(): void {
    alive(this.#port.retire());
  }

  rehearse(): void {
    this.#hand([Buffer.alloc(1)]);
    alive(this.#port.rehearse());
  }

  bind(pieces: readonly Uint8Array[]): void {
    this.#hand(pieces);
    alive(this.#port.bind());
  }

  check(stream: number, payload: Uint8Array): void {
    this.#hand([payload]);
    alive(this.#port.check(stream));
  }

  /** A part of the result of an asynchronous call. */
  result(call: number, flags: number, payload: Uint8Array): void {
    const { calls, callsSize } = this.#port;
    for (let at = 0; at < payload.length; at += callsSize) {
      const piece = payload.subarray(at, at + callsSize);
      this.#memory.bytes.set(piece, calls);
      const more = at + piece.length < payload.length ? MORE : 0;
      alive(this.#port.result(call, flags | more, piece.length));
    }
  }

  /** Puts a body that came in pieces where its invocation will find it. */
  putBody(stream: number, pieces: readonly Uint8Array[]): void {
    this.#hand(pieces);
    alive(this.#port.putBody(stream));
  }

  /** Caps the interpreter's memory; Python sees a MemoryError beyond. */
  limitMemory(bytes: number): void {
    this.#port.limitMemory(bytes);
  }

  /** Keeps everything of the guest as it is now. */
  keep(): void {
    alive(this.#port.keep());
    this.#pristine = new Pristine(this.#memory);
  }

  /** Puts back what was kept; false if a script has reached where that is not possible. */
  restore(firstCall: number): boolean {
    if (this.#pristine === null || this.#port.touched()) {
      return false;
    }
    this.#pristine.restore();
    alive(this.#port.restore(firstCall));
    return true;
  }

  #hand(pieces: readonly Uint8Array[]): void {
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
    let at = this.#port.reserve(size);
    if (typeof at !== "number") {
      throw new GuestDiedError(at);
    }
    for (const piece of pieces) {
      this.#memory.bytes.set(piece, at);
      at += piece.length;
    }
  }

  /** The inbox as it is now: the memory may move whenever Python runs. */
  get inbox(): Buffer {
    return Buffer.from(this.#memory.bytes.buffer, this.#port.inbox, this.inboxSize);
  }

  putFrame(at: number, frame: Uint8Array): void {
    this.#memory.bytes.set(frame, this.#port.inbox + at);
  }

  /** What the guest has written and not sent; the caller sends it. */
  takeOutput(send: (bytes: Uint8Array, start: number, end: number) => void): void {
    const words = this.#memory.words;
    const filled = words[this.#shared + Word.Filled] ?? 0;
    if (filled > 0) {
      words[this.#shared + Word.Filled] = 0;
      send(this.#memory.bytes, this.#port.outbox, this.#port.outbox + filled);
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
}

function alive(fault: string | undefined): void {
  if (fault !== undefined) {
    throw new GuestDiedError(fault);
  }
}
