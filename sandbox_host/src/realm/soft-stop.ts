/** The soft stop's clock; see _picloud/deadline.py. */

import type { Module } from "./pyodide-types.js";

const SIGINT = 2;
const AGAIN_MS = 100;

/**
 * What Pyodide polls for signals every few dozen bytecodes. Its one element reads as SIGINT when
 * the deadline at `address` has come, and as 0 otherwise.
 */
export function signalBuffer(module: Module, address: number, clock: () => number): object {
  const index = address / 8;
  let seen = 0;
  const now = (): number => {
    try {
      return clock();
    } catch {
      return 0; // out of stack, deep inside a recursion: the next poll will do
    }
  };
  return Object.freeze({
    get 0(): number {
      const words = module.HEAPF64;
      const deadline = words[index] ?? 0;
      if (deadline === 0) {
        return 0;
      }
      if (deadline !== seen) {
        // Most invocations are over before the second poll, and asking for the time is dear.
        seen = deadline;
        return 0;
      }
      const time = now();
      if (time < deadline) {
        return 0;
      }
      words[index] = time + AGAIN_MS;
      return SIGINT;
    },
    set 0(_: number) {
      // Pyodide takes the signal back once it has read it.
    },
  });
}
