import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { paths } from "../paths.js";
import { WasmFileError, limitWasmMemory, splitWasm } from "../wasm-file.js";

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
    }, WasmFileError);
  }
});

test("code and data are told apart", () => {
  const plain = [...moduleWithMemory([1, 2, 0x80, 0x80, 4])];
  const code = [...plain.slice(0, 8), 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, ...plain.slice(15)];
  const body = [10, 4, 1, 2, 0, 0x0b];
  const data = [11, 14, 2, 0, 0x41, 3, 0x0b, 2, 7, 8, 0, 0x41, 1, 0x0b, 1, 9];
  const whole = Uint8Array.from([...code, 12, 1, 2, ...body, ...data]);
  assert.ok(new WebAssembly.Module(whole));
  const parts = splitWasm(whole);
  assert.deepEqual([...parts.code], [...code, 12, 1, 0, ...body]);
  assert.deepEqual([...parts.data], [0, 9, 0, 7, 8]);
  assert.ok(new WebAssembly.Module(parts.code));
});

test("data that is not at the end, or not at a constant place, is refused", () => {
  const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 12, 1, 1];
  const data = [11, 7, 1, 0, 0x41, 0, 0x0b, 1, 9];
  const global = [11, 7, 1, 0, 0x23, 0, 0x0b, 1, 9];
  for (const bytes of [head, [...head, ...data, 0, 2, 1, 0x61], [...head, ...global]]) {
    assert.throws(() => splitWasm(Uint8Array.from(bytes)), WasmFileError);
  }
});
