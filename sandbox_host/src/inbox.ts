/** INVOKE frames on their way into the guest: as many as fit wait in its memory, the rest here. */

import { HEADER_SIZE } from "./frames.js";
import { CANCELLED, type Guest } from "./guest.js";

const STREAM_AT = 8;
const FLAGS_AT = 5;

export class Inbox {
  readonly #guest: Guest;
  #start = 0;
  #end = 0;
  #waiting: Buffer[] = [];
  #run: Buffer | null = null;
  #runStart = 0;
  #runEnd = 0;

  constructor(guest: Guest) {
    this.#guest = guest;
  }

  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  /**
   * Takes the frame `buffer[start, end)`. Frames that lie side by side are copied together, at
   * the latest by `flush`, which must come before the buffer is used again.
   */
  put(buffer: Buffer, start: number, end: number): void {
    if (buffer !== this.#run || start !== this.#runEnd) {
      this.flush();
      this.#run = buffer;
      this.#runStart = start;
    }
    this.#runEnd = end;
    if (this.#end + end - this.#runStart > this.#guest.inboxSize || this.#waiting.length > 0) {
      this.#runEnd = start;
      this.flush();
      this.#waiting.push(Buffer.from(buffer.subarray(start, end)));
    }
  }

  flush(): void {
    if (this.#run !== null) {
      if (this.#runStart < this.#runEnd) {
        this.#append(this.#run.subarray(this.#runStart, this.#runEnd));
      }
      this.#run = null;
    }
  }

  /** Lets the guest run as many as it likes to. */
  run(): void {
    this.#guest.run(this.#start, this.#end);
    this.#start = this.#guest.consumed;
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
      if (this.#waiting.length > 0) {
        this.#refill();
      }
    }
  }

  /** Marks an invocation that has not begun; false if it is not here. */
  cancel(stream: number): boolean {
    this.flush();
    const waiting = this.#waiting.find((frame) => frame.readUInt32LE(STREAM_AT) === stream);
    if (waiting !== undefined) {
      waiting.writeUInt8(CANCELLED, FLAGS_AT);
      return true;
    }
    const memory = this.#guest.inbox;
    for (let at = this.#start; at < this.#end; at += HEADER_SIZE + memory.readUInt32LE(at)) {
      if (memory.readUInt32LE(at + STREAM_AT) === stream) {
        memory.writeUInt8(CANCELLED, at + FLAGS_AT);
        return true;
      }
    }
    return false;
  }

  #append(frame: Buffer): void {
    this.#guest.putFrame(this.#end, frame);
    this.#end += frame.length;
  }

  #refill(): void {
    let taken = 0;
    for (const frame of this.#waiting) {
      if (this.#end + frame.length > this.#guest.inboxSize) {
        break;
      }
      this.#append(frame);
      taken += 1;
    }
    this.#waiting = this.#waiting.slice(taken);
  }
}
