/** `isolation: invocation`: one invocation at a time, and each finds the same interpreter. */

import { HEADER_SIZE } from "./frames.js";
import type { Guest } from "./guest.js";
import type { Inbox } from "./inbox.js";

const STREAM_AT = HEADER_SIZE - 4;
/** Numbers of calls that an invocation has for itself; none comes twice on a link. */
const CALLS_EACH = 16_384;
const RENEWALS_MAX = 2 ** 32 / CALLS_EACH - 2;

/** An invocation that waits out of the guest's reach, with the body if it came in pieces. */
interface Waiting {
  readonly frame: Buffer;
  readonly pieces: readonly Buffer[] | null;
}

export class Turns {
  readonly #guest: Guest;
  readonly #inbox: Inbox;
  #waiting: Waiting[] = [];
  #kept = false;
  #running = false;
  #spent = false;
  #renewals = 0;

  constructor(guest: Guest, inbox: Inbox) {
    this.#guest = guest;
    this.#inbox = inbox;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** The frame must be the caller's to give. */
  add(frame: Buffer, pieces: readonly Buffer[] | null): void {
    this.#waiting.push({ frame, pieces });
  }

  /** Drops an invocation that has not begun; false if it is not here. */
  drop(stream: number): boolean {
    const before = this.#waiting.length;
    this.#waiting = this.#waiting.filter(({ frame }) => frame.readUInt32LE(STREAM_AT) !== stream);
    return this.#waiting.length < before;
  }

  /** Puts the next invocation into the inbox, if the last one is over. */
  next(): void {
    const next = this.#running || this.#spent ? undefined : this.#waiting.shift();
    if (next === undefined) {
      return;
    }
    if (!this.#kept) {
      // Not at BIND: an application may take its time to start, but nobody asks before BOUND.
      this.#guest.keep();
      this.#kept = true;
    }
    this.#running = true;
    if (next.pieces !== null) {
      this.#guest.putBody(next.frame.readUInt32LE(STREAM_AT), next.pieces);
    }
    this.#inbox.put(next.frame, 0, next.frame.length);
    this.#inbox.flush();
  }

  /** Whether the invocation that had its turn is over. */
  get isOver(): boolean {
    return this.#running && this.#inbox.isEmpty && !this.#guest.busy;
  }

  /** Puts the guest back; false if that is not possible, so that this was its last turn. */
  renew(): boolean {
    this.#running = false;
    this.#renewals += 1;
    const firstCall = this.#renewals * CALLS_EACH;
    this.#spent = this.#renewals > RENEWALS_MAX || !this.#guest.restore(firstCall);
    return !this.#spent;
  }
}
