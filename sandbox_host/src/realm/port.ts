/** The guest's functions and buffers, opened before any script runs; used by both loaders. */

import { hostCall, messageOf } from "./host-calls.js";
import type { Capabilities, Port } from "./host.js";
import type { Buffered, Entry, Interpreter, Module } from "./pyodide-types.js";
import { keepFiles } from "./files.js";
import { signalBuffer } from "./soft-stop.js";
import type { Watch } from "./watch.js";

interface Place {
  readonly start: number;
  readonly size: number;
}

export function openPort(interpreter: Interpreter, watch: Watch): Port {
  const module = interpreter._module;
  const entry = interpreter.pyimport("_picloud.entry") as Entry;
  const inbox = placeOf(entry.inbox);
  const outbox = placeOf(entry.outbox.buffer);
  const calls = placeOf(entry.calls.buffer);
  const word = placeOf(entry.deadline.word).start;
  const { run, pump, window, cancel, tick, retire } = entry;
  const { rehearse, reserve, bind, check, put_body, result } = entry;
  return {
    memory: module.memory,
    inbox: inbox.start,
    inboxSize: inbox.size,
    outbox: outbox.start,
    outboxSize: outbox.size,
    calls: calls.start,
    callsSize: calls.size,
    shared: placeOf(entry.outbox.shared).start,
    attach: guarded((host: Capabilities, now: () => number) => {
      interpreter.setInterruptBuffer(signalBuffer(module, word, now));
      const functions = wrapped(host);
      watch.trust(functions);
      entry.attach(functions);
    }),
    run: guarded(run),
    pump: guarded(pump),
    window: guarded(window),
    cancel: guarded(cancel),
    tick: guarded(tick),
    retire: guarded(retire),
    reserve: (size) => {
      let address = 0;
      const fault = guarded(() => {
        const touched = watch.touched();
        const room = reserve(size);
        address = placeOf(room).start;
        room.destroy();
        if (!touched) {
          watch.forget(); // it was us
        }
      })();
      return fault ?? address;
    },
    rehearse: guarded(rehearse),
    bind: guarded(bind),
    check: guarded(check),
    putBody: guarded(put_body),
    result: guarded(result),
    limitMemory: limiterOf(module),
    ...resetting(module, entry, watch),
  };
}

/** What `isolation: invocation` needs; the memory itself is the host's part. */
function resetting(
  module: Module,
  entry: Entry,
  watch: Watch,
): Pick<Port, "keep" | "touched" | "restore"> {
  const { settle, renew } = entry;
  let restoreFiles = (): void => undefined;
  let restoreTables = (): void => undefined;
  return {
    keep: guarded(() => {
      settle();
      restoreFiles = keepFiles(module.FS, module.MEMFS);
      restoreTables = watch.keepTables();
      watch.forget();
    }),
    touched: watch.touched,
    restore: guarded((firstCall: number) => {
      restoreFiles();
      restoreTables();
      renew(firstCall);
    }),
  };
}

/** Calls what was there before any script; the message of what it throws, which is always fatal. */
function guarded<A extends readonly unknown[]>(
  call: (...args: A) => void,
): (...args: A) => string | undefined {
  return (...args) => {
    try {
      call(...args);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  };
}

/** Where a buffer of Python's lies, which stays there as long as Python keeps it. */
function placeOf(buffered: Buffered): Place {
  const view = buffered.getBuffer();
  const place = { start: view.data.byteOffset, size: view.data.byteLength };
  view.release();
  return place;
}

function wrapped(host: Capabilities): Capabilities {
  return Object.freeze({
    send: hostCall(host.send),
    wake: hostCall(host.wake),
    call_write: hostCall(host.call_write),
    call_read: hostCall(host.call_read),
    sleep: hostCall(host.sleep),
  });
}

/** Caps the interpreter's memory; Python sees a MemoryError beyond. */
function limiterOf(module: Module): (bytes: number) => void {
  const memory = module.memory;
  const prototype = WebAssembly.Memory.prototype;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its object below
  const { grow } = prototype;
  const { apply } = Reflect;
  const PAGE = 65536;
  let limit = Infinity;
  prototype.grow = function (this: WebAssembly.Memory, pages: number): number {
    if (this === memory && memory.buffer.byteLength + pages * PAGE > limit) {
      throw new RangeError("the memory limit is reached");
    }
    return apply(grow, this, [pages]);
  };
  return (bytes) => {
    limit = bytes;
  };
}
