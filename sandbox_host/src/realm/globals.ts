/** The globals that Pyodide and scripts expect of a browser, on top of what the host gives. */

import { hostCall, hostClock, messageOf } from "./host-calls.js";
import type { HostFunctions } from "./host.js";
import { makeEncoding } from "./encoding.js";

const { apply, defineProperty } = Reflect;
const RANDOM_MAX = 4096;

type Callback = (...args: unknown[]) => unknown;

/** Defines them all; gives the function by which the host says that a timer is due. */
export function defineGlobals(host: HostFunctions): (id: number) => void {
  const print = hostCall(host.print);
  const { fire, ...timers } = makeTimers(host, print);
  const globals = {
    ...timers,
    ...makeEncoding(host),
    console: makeConsole(print),
    performance: { now: hostClock(host.now), timeOrigin: 0 },
    crypto: makeCrypto(host),
    MessageChannel: channelOf(timers.setImmediate),
    AbortSignal,
    AbortController,
    addEventListener: () => undefined,
  };
  for (const [name, value] of Object.entries(globals)) {
    defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
  return fire;
}

function makeTimers(host: HostFunctions, print: (line: string) => void) {
  const waiting = new Map<number, () => void>();
  const start = hostCall(host.startTimer);
  const stop = hostCall(host.stopTimer);
  const soon = hostCall(host.soon);
  let last = 0;
  const hold = (callback: unknown, args: unknown[], keep: boolean): number => {
    if (typeof callback !== "function") {
      throw new TypeError("the callback must be a function");
    }
    last += 1;
    const id = last;
    waiting.set(id, () => {
      if (!keep) {
        waiting.delete(id);
      }
      apply(callback, undefined, args);
    });
    return id;
  };
  const clear = (id: unknown): void => {
    if (waiting.delete(Number(id))) {
      stop(Number(id));
    }
  };
  const timer =
    (repeat: boolean) =>
    (callback: unknown, delay: unknown = 0, ...args: unknown[]): number => {
      const id = hold(callback, args, repeat);
      start(id, Number(delay) || 0, repeat);
      return id;
    };
  return {
    setTimeout: timer(false),
    setInterval: timer(true),
    clearTimeout: clear,
    clearInterval: clear,
    setImmediate: (callback: unknown, ...args: unknown[]): number => {
      const id = hold(callback, args, false);
      soon(id);
      return id;
    },
    fire: (id: number): void => {
      try {
        waiting.get(id)?.();
      } catch (error) {
        print(`uncaught in a callback: ${messageOf(error)}`);
      }
    },
  };
}

function makeConsole(print: (line: string) => void): object {
  const write = (...values: unknown[]): void => {
    print(values.map(messageOf).join(" "));
  };
  return { log: write, info: write, warn: write, error: write, debug: () => undefined };
}

function makeCrypto(host: HostFunctions): object {
  const random = hostCall(host.random);
  return {
    getRandomValues: <T extends ArrayBufferView>(view: T): T => {
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      for (let at = 0; at < bytes.length; at += RANDOM_MAX) {
        const drawn = random(Math.min(RANDOM_MAX, bytes.length - at));
        for (let index = 0; index < drawn.length; index += 1) {
          bytes[at + index] = drawn.charCodeAt(index);
        }
      }
      return view;
    },
  };
}

/** As much of a MessageChannel as schedulers use: what one port posts, the other gets. */
function channelOf(setImmediate: (callback: unknown) => unknown): unknown {
  class Port {
    onmessage: ((event: { data: unknown }) => void) | null = null;
    other: Port | null = null;

    postMessage(data: unknown): void {
      setImmediate(() => this.other?.onmessage?.({ data }));
    }

    start(): void {
      // messages are never held back
    }

    close(): void {
      this.other = null;
    }
  }
  return class MessageChannel {
    readonly port1 = new Port();
    readonly port2 = new Port();

    constructor() {
      this.port1.other = this.port2;
      this.port2.other = this.port1;
    }
  };
}

class AbortSignal {
  aborted = false;
  reason: unknown = undefined;
  #listeners: Callback[] = [];

  addEventListener(_: string, listener: Callback): void {
    this.#listeners.push(listener);
  }

  removeEventListener(_: string, listener: Callback): void {
    this.#listeners = this.#listeners.filter((known) => known !== listener);
  }

  throwIfAborted(): void {
    if (this.aborted) {
      throw this.reason;
    }
  }

  static abort(signal: AbortSignal, reason: unknown): void {
    if (!signal.aborted) {
      signal.aborted = true;
      signal.reason = reason ?? new Error("aborted");
      for (const listener of signal.#listeners) {
        listener({ type: "abort" });
      }
    }
  }
}

class AbortController {
  readonly signal = new AbortSignal();

  abort(reason?: unknown): void {
    AbortSignal.abort(this.signal, reason);
  }
}
