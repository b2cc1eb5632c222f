import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

import { SnapshotError, SnapshotFile, writeSnapshot } from "../snapshot-file.js";

const PAGE = 4096;
let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "picloud-snapshot-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** An image in Pyodide's own form: head, tables, memory. */
function image(memory: Uint8Array): Uint8Array {
  const tables = Buffer.from('{"hiwireKeys":[1]}');
  const memoryStart = 48 + 32;
  const bytes = new Uint8Array(memoryStart + memory.length);
  new Uint32Array(bytes.buffer).set([0x706f0000, memoryStart, tables.length]);
  bytes.set(tables, 48);
  bytes.set(memory, memoryStart);
  return bytes;
}

test("a snapshot gives back the memory it was made of, without the empty pages", () => {
  const memory = new Uint8Array(64 * PAGE);
  memory[3] = 1;
  memory[PAGE] = 2;
  memory[40 * PAGE + 5] = 3;
  const path = join(directory, "key.snap");
  writeSnapshot(path, "key", image(memory));
  assert.ok(readFileSync(path).length < 4 * PAGE);
  assert.deepEqual(readdirSync(directory), ["key.snap"]);

  const file = new SnapshotFile(path);
  const restored = new Uint8Array(64 * PAGE);
  file.restore(restored);
  file.close();
  assert.deepEqual(restored, memory);
  assert.equal(file.description.key, "key");
  assert.equal(file.description.memorySize, memory.length);
  assert.deepEqual(file.description.tables, { hiwireKeys: [1] });
});

test("what is no snapshot, or only a part of one, is refused", () => {
  const path = join(directory, "key.snap");
  writeFileSync(path, "something else altogether");
  assert.throws(() => new SnapshotFile(path), SnapshotError);
  writeSnapshot(path, "key", image(new Uint8Array(PAGE).fill(7)));
  truncateSync(path, 600);
  const file = new SnapshotFile(path);
  assert.throws(() => {
    file.restore(new Uint8Array(PAGE));
  }, SnapshotError);
  file.close();
});
