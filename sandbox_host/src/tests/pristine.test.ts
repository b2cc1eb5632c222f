import assert from "node:assert/strict";
import { test } from "node:test";

import { MemoryViews } from "../linear-memory.js";
import { Pristine } from "../pristine.js";

test("memory is put back, also where it has grown", () => {
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 8 });
  const views = new MemoryViews(memory);
  views.bytes[3] = 7;
  views.bytes[70_000] = 8;
  const pristine = new Pristine(views);
  const before = views.bytes.slice();

  views.bytes.fill(9);
  memory.grow(2);
  views.bytes[5 * 65536] = 9;
  pristine.restore();

  assert.deepEqual(views.bytes.slice(0, before.length), before);
  assert.ok(views.bytes.subarray(before.length).every((byte) => byte === 0));
});
