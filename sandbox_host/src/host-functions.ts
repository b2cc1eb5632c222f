/** The functions of the host that the realm gets; see realm/host.ts for what they promise. */

import { closeSync, fstatSync, openSync, readFileSync, readSync, writeSync } from "node:fs";

import { crypto } from "./builtins.js";
import { paths } from "./paths.js";
import type { HostFunctions } from "./realm/host.js";
import type { SnapshotFile } from "./snapshot-file.js";

const STDERR = 2;
const LONGEST_LINE = 4000;
const RANDOM_MAX = 4096;

export interface Callbacks {
  /** The realm's own: a timer is due. */
  readonly fire: (id: number) => void;
  readonly failed: (message: string) => void;
}

export function makeHostFunctions(
  snapshot: SnapshotFile | null,
  callbacks: Callbacks,
): HostFunctions {
  return {
    ...makeTimers(callbacks.fire),
    ...makeEncoding(),
    ...makeFiles(snapshot),
    failed: callbacks.failed,
    print: (line) => {
      writeSync(STDERR, `${line.slice(0, LONGEST_LINE)}\n`);
    },
    now: () => performance.now(),
    random: (size) => crypto().randomBytes(Math.min(size, RANDOM_MAX)).toString("latin1"),
  };
}

function makeTimers(fire: (id: number) => void) {
  const timers = new Map<number, NodeJS.Timeout>();
  return {
    startTimer: (id: number, milliseconds: number, repeat: boolean): void => {
      const due = (): void => {
        if (!repeat) {
          timers.delete(id);
        }
        fire(id);
      };
      timers.set(id, repeat ? setInterval(due, milliseconds) : setTimeout(due, milliseconds));
    },
    stopTimer: (id: number): void => {
      clearTimeout(timers.get(id));
      timers.delete(id);
    },
    soon: (id: number): void => {
      setImmediate(fire, id);
    },
  };
}

function makeEncoding() {
  const encoder = new TextEncoder();
  const decoders = new Map<string, InstanceType<typeof TextDecoder>>();
  return {
    utf8Size: (text: string): number => Buffer.byteLength(text),
    utf8Into: (text: string, target: Uint8Array): number =>
      encoder.encodeInto(text, target).written,
    decode: (encoding: string, bytes: Uint8Array): string => {
      let decoder = decoders.get(encoding);
      if (decoder === undefined) {
        decoder = new TextDecoder(encoding);
        decoders.set(encoding, decoder);
      }
      return decoder.decode(bytes);
    },
  };
}

function makeFiles(snapshot: SnapshotFile | null) {
  const stdlib = openSync(paths.stdlib, "r");
  return {
    stdlibSize: (): number => fstatSync(stdlib).size,
    stdlibInto: (target: Uint8Array): void => {
      readSync(stdlib, target, 0, target.length, 0);
    },
    initialData: (memory: Uint8Array): void => {
      const data = openSync(paths.wasmData, "r");
      readSync(data, memory, 0, fstatSync(data).size, 0);
      closeSync(data);
    },
    guestBundle: (): string => readFileSync(paths.guestBundle, "utf8"),
    snapshotTables: (): string => snapshot?.tables ?? "",
    snapshotSize: (): number => snapshot?.memorySize ?? 0,
    restore: (memory: Uint8Array): void => {
      snapshot?.restore(memory);
    },
  };
}
