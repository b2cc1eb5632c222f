/** The soft stop's clock; see _picloud/deadline.py. */

import type { MemoryViews } from "./linear-memory.js";

const SIGINT = 2;
const AGAIN_MS = 100;

/**
 * What Pyodide polls for signals every few dozen bytecodes. Its one element reads as SIGINT when
 * the deadline at `address` has come, and as 0 otherwise.
 */
export function softStop(memory: MemoryViews, address: number): object {
  const index = address / 8;
  return Object.freeze({
    get 0(): number {
      const deadline = memory.doubles[index] ?? 0;
      if (deadline === 0 || performance.now() < deadline) {
        return 0;
      }
      memory.doubles[index] = performance.now() + AGAIN_MS;
      return SIGINT;
    },
    set 0(_: number) {
      // Pyodide takes the signal back once it has read it.
    },
  });
}
