/** One sandbox: takes the executor's frames and keeps the guest going. */

import { describe } from "./describe.js";
import { collectGarbage } from "./garbage.js";
import { BODY_ASIDE, Guest } from "./guest.js";
import {
  Decoder,
  END,
  FrameType,
  HEADER_SIZE,
  INITIAL_WINDOW,
  ProtocolError,
  encodeFrame,
  encodeJson,
  encodeLog,
  encodeWindow,
} from "./frames.js";
import { Inbox } from "./inbox.js";
import { LinkSocket } from "./link-socket.js";
import type { Booted } from "./boot.js";
import { Turns } from "./turns.js";

/** Larger invocations reach the guest in two parts. */
const INLINE_MAX = 320 * 1024;
const MEGABYTE = 1024 * 1024;
const EXIT_PROTOCOL = 65;
const EXIT_DIED = 70;
const CRITICAL = 50;
const PLATFORM = 5;

/** An invocation whose body has not come as a whole yet. */
interface Incoming {
  readonly frame: Buffer;
  readonly pieces: Buffer[];
}

export class Sandbox {
  readonly #link: LinkSocket;
  readonly #guest: Guest;
  readonly #decoder: Decoder;
  readonly #incoming = new Map<number, Incoming>();
  readonly #inbox: Inbox;
  #binding: Buffer[] = [];
  /** Only with `isolation: invocation`. */
  #takesTurns = false;
  #isBound = false;
  /** Made when the script is bound, which an ASGI application may take its time for. */
  #turns: Turns | null = null;
  #scheduled = false;
  #timer: NodeJS.Timeout | null = null;
  #timerDue = 0;
  #retiring = false;
  #told = false;
  #dead = false;

  constructor(booted: Booted, fd: number, callsFd: number) {
    this.#decoder = new Decoder((type, flags, stream, buffer, start, end) => {
      this.#take(type, flags, stream, buffer, start, end);
    });
    this.#link = new LinkSocket(fd, {
      onChunk: (chunk) => {
        this.#receive(chunk);
      },
      onClosed: () => process.exit(0),
    });
    const wake = (): void => {
      this.#schedule();
    };
    this.#guest = new Guest(booted.port, { callsFd, send: this.#send, wake });
    this.#inbox = new Inbox(this.#guest);
  }

  readonly #send = (bytes: Uint8Array, start: number, end: number): void => {
    this.#link.send(bytes, start, end);
  };

  #sendFrame(frame: Buffer): void {
    this.#link.send(frame, 0, frame.length);
  }

  hello(how: Booted["how"], milliseconds: number, runtime: string): void {
    const hello = {
      protocol: [1, 1],
      runtime,
      node: process.versions.node,
      boot: how,
      boot_ms: Math.round(milliseconds),
    };
    this.#sendFrame(encodeJson(FrameType.Hello, 0, 0, hello));
  }

  /** A blank sandbox may wait long for its script: it gets ready for it, and gives back memory. */
  settleDown(): void {
    if (!this.#isBound) {
      try {
        this.#guest.rehearse();
      } catch (error) {
        this.#die(error);
      }
    }
    collectGarbage();
  }

  #receive(chunk: Buffer): void {
    try {
      this.#decoder.feed(chunk);
      this.#inbox.flush();
      this.#work();
    } catch (error) {
      this.#die(error);
    }
  }

  #take(type: number, flags: number, stream: number, buffer: Buffer, start: number, end: number): void {
    if (type === FrameType.Invoke) {
      this.#takeInvoke(flags, stream, buffer, start, end);
      return;
    }
    const payload = buffer.subarray(start + HEADER_SIZE, end);
    switch (type) {
      case FrameType.Data:
        this.#takeData(flags, stream, payload);
        return;
      case FrameType.Window:
        this.#enter(() => {
          this.#guest.window(stream, payload.readUInt32LE(0));
        });
        return;
      case FrameType.Cancel:
        this.#takeCancel(stream);
        return;
      case FrameType.Bind:
        this.#takeBind(flags, payload);
        return;
      case FrameType.Check:
        this.#enter(() => {
          this.#guest.check(stream, payload);
        });
        return;
      case FrameType.Result:
        this.#enter(() => {
          this.#guest.result(stream, flags, payload);
        });
        return;
      case FrameType.Retire:
        this.#retiring = true;
        return;
      case FrameType.Hello:
        return;
      default:
        throw new ProtocolError(`frames of type ${String(type)} are not for a sandbox`);
    }
  }

  /** The first frame has the head; the script is bound when the last is there. */
  #takeBind(flags: number, payload: Buffer): void {
    if (this.#binding.length === 0) {
      this.#prepare(payload);
    }
    this.#binding.push(Buffer.from(this.#binding.length === 0 ? payload : payload.subarray(4)));
    if ((flags & END) === 0) {
      return;
    }
    const pieces = this.#binding;
    this.#binding = [];
    this.#enter(() => {
      this.#guest.bind(pieces);
    });
  }

  #prepare(payload: Buffer): void {
    const head = JSON.parse(
      payload.toString("utf8", 4, 4 + payload.readUInt32LE(0)),
    ) as { readonly memory_mb?: number; readonly isolation?: string };
    if (typeof head.memory_mb === "number") {
      this.#guest.limitMemory(head.memory_mb * MEGABYTE);
    }
    this.#isBound = true;
    this.#takesTurns = head.isolation === "invocation";
  }

  #takeInvoke(flags: number, stream: number, buffer: Buffer, start: number, end: number): void {
    if ((flags & END) !== 0 && end - start <= INLINE_MAX) {
      if (this.#turns === null) {
        this.#inbox.put(buffer, start, end);
      } else {
        this.#turns.add(Buffer.from(buffer.subarray(start, end)), null);
      }
      return;
    }
    const bodyAt = start + HEADER_SIZE + 4 + buffer.readUInt32LE(start + HEADER_SIZE);
    const frame = Buffer.from(buffer.subarray(start, bodyAt));
    frame.writeUInt32LE(frame.length - HEADER_SIZE, 0);
    frame.writeUInt8(BODY_ASIDE, 5);
    this.#incoming.set(stream, { frame, pieces: [] });
    this.#takeData(flags, stream, buffer.subarray(bodyAt, end));
  }

  #takeData(flags: number, stream: number, payload: Buffer): void {
    const incoming = this.#incoming.get(stream);
    if (incoming === undefined) {
      return;
    }
    if (payload.length > INITIAL_WINDOW) {
      throw new ProtocolError("a body is sent without credit");
    }
    incoming.pieces.push(Buffer.from(payload));
    if ((flags & END) === 0) {
      if (payload.length > 0) {
        this.#sendFrame(encodeWindow(stream, payload.length));
      }
      return;
    }
    this.#incoming.delete(stream);
    if (this.#turns !== null) {
      this.#turns.add(incoming.frame, incoming.pieces);
      return;
    }
    this.#guest.putBody(stream, incoming.pieces);
    this.#inbox.put(incoming.frame, 0, incoming.frame.length);
  }

  #takeCancel(stream: number): void {
    if (this.#incoming.delete(stream) || this.#turns?.drop(stream) === true) {
      const cancelled = {
        outcome: "cancelled",
        code: "cancelled",
        message: "the invocation was cancelled",
      };
      this.#sendFrame(encodeJson(FrameType.Error, END, stream, cancelled));
    } else if (!this.#inbox.cancel(stream)) {
      this.#enter(() => {
        this.#guest.cancel(stream);
      });
    }
  }

  /** Calls into the guest outside of the way of an invocation. */
  #enter(call: () => void): void {
    call();
    this.#guest.takeOutput(this.#send);
    this.#afterGuest();
  }

  /** Runs what waits, as far as it goes without keeping anybody waiting. */
  #work(): void {
    const guest = this.#guest;
    this.#turns?.next();
    if (guest.wantsPump) {
      guest.pump();
      guest.takeOutput(this.#send);
    }
    if (!this.#inbox.isEmpty) {
      this.#inbox.run();
      guest.takeOutput(this.#send);
    }
    this.#afterGuest();
  }

  #afterGuest(): void {
    if (this.#takesTurns && this.#turns === null && !this.#guest.busy) {
      this.#turns = new Turns(this.#guest, this.#inbox);
    }
    if (this.#turns?.isOver === true) {
      this.#renew(this.#turns);
    }
    const guest = this.#guest;
    const delay = guest.timer;
    if (guest.wantsPump || delay === 0 || (!this.#inbox.isEmpty && !guest.stepping)) {
      this.#schedule();
    } else if (delay !== null) {
      this.#setTimer(delay);
    }
    const isIdle = !guest.busy && this.#inbox.isEmpty && (this.#turns?.isEmpty ?? true);
    if (this.#retiring && isIdle && this.#incoming.size === 0) {
      this.#leave();
    }
  }

  /** Nothing runs any more: the script may clean up, then the process ends. */
  #leave(): void {
    if (this.#told) {
      this.#link.whenSent(() => process.exit(0));
      return;
    }
    this.#told = true;
    this.#enter(() => {
      this.#guest.retire();
    });
  }

  #renew(turns: Turns): void {
    clearTimeout(this.#timer ?? undefined);
    this.#timer = null;
    if (!turns.renew()) {
      this.#link.whenSent(() => process.exit(0));
    } else if (!turns.isEmpty) {
      this.#schedule();
    }
  }

  #schedule(): void {
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#turn);
    }
  }

  #setTimer(delay: number): void {
    const due = performance.now() + delay;
    if (this.#timer !== null && this.#timerDue <= due + 0.5) {
      return;
    }
    clearTimeout(this.#timer ?? undefined);
    this.#timerDue = due;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#turn();
    }, delay);
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    try {
      if (this.#guest.timer !== null) {
        this.#guest.tick();
        this.#guest.takeOutput(this.#send);
      }
      this.#work();
    } catch (error) {
      this.#die(error);
    }
  };

  /** The interpreter has died, or the executor broke the rules: nothing here can be trusted. */
  #die(error: unknown): void {
    if (this.#dead) {
      return;
    }
    this.#dead = true;
    const broken = error instanceof ProtocolError;
    const text = describe(error);
    console.error(`the sandbox ends: ${text}`);
    if (broken) {
      process.exit(EXIT_PROTOCOL);
    }
    try {
      this.#lastWords(text);
    } finally {
      process.exit(EXIT_DIED);
    }
  }

  #lastWords(text: string): void {
    this.#guest.takeOutput(this.#send);
    const stream = this.#guest.currentStream;
    const message = `the interpreter died: ${text.slice(0, 500)}`;
    const now = BigInt(Date.now()) * 1000n;
    this.#sendFrame(encodeLog(stream, CRITICAL, PLATFORM, now, message));
    const failure = { outcome: "script_error", code: "interpreter_died", message };
    this.#sendFrame(encodeFrame(FrameType.Error, END, stream, Buffer.from(JSON.stringify(failure))));
  }
}
