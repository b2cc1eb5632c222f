import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { paths } from "../paths.js";
import { WasmLimitError, limitWasmMemory } from "../wasm-limit.js";

/** A module whose one memory has 2 to 65,536 pages, after a custom section. */
function moduleWithMemory(limits: readonly number[]): Uint8Array {
  const custom = [0, 5, 4, 0x6e, 0x61, 0x6d, 0x65];
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...custom, 5, limits.length + 1, 1, ...limits]);
}

test("the maximum is rewritten in place", () => {
  const bytes = moduleWithMemory([1, 2, 0x80, 0x80, 4]);
  limitWasmMemory(bytes, 300);
  assert.deepEqual([...bytes.slice(-3)], [0xac, 0x82, 0]);
  assert.ok(new WebAssembly.Module(bytes));
});

test("Pyodide's own module can be capped", () => {
  const bytes = readFileSync(paths.wasm);
  limitWasmMemory(bytes, 2048);
  assert.throws(() => {
    limitWasmMemory(bytes, 4096);
  }, /4096 pages of memory; possible are 480 to 2048/);
});

test("what can't be capped is refused", () => {
  const noMaximum = moduleWithMemory([0, 2]);
  const short = moduleWithMemory([1, 2, 100]);
  const small = moduleWithMemory([1, 2, 0x80, 0x80, 4]);
  const cut = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 0x80]);
  for (const [bytes, pages] of [[noMaximum, 9], [short, 9], [small, 1], [cut, 9], [cut.slice(0, 8), 9]] as const) {
    assert.throws(() => {
      limitWasmMemory(bytes, pages);
    }, WasmLimitError);
  }
});
