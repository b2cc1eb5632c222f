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

function write(path: string, memory: Uint8Array): void {
  writeSnapshot(path, { key: "key", tables: '{"keys":[1]}', codeCache: Buffer.from("code"), memory });
}

test("a snapshot gives back the memory it was made of, without the empty pages", () => {
  const memory = new Uint8Array(64 * PAGE);
  memory[3] = 1;
  memory[PAGE] = 2;
  memory[40 * PAGE + 5] = 3;
  const path = join(directory, "key.snap");
  write(path, memory);
  assert.ok(readFileSync(path).length < 4 * PAGE);
  assert.deepEqual(readdirSync(directory), ["key.snap"]);

  const file = new SnapshotFile(path);
  const restored = new Uint8Array(64 * PAGE);
  restored[8 * PAGE + 1] = 9;
  file.restore(restored);
  assert.equal(file.codeCache().toString(), "code");
  file.close();
  assert.deepEqual(restored, memory);
  assert.equal(file.key, "key");
  assert.equal(file.memorySize, memory.length);
  assert.equal(file.tables, '{"keys":[1]}');
});

test("what is no snapshot, or only a part of one, is refused", () => {
  const path = join(directory, "key.snap");
  writeFileSync(path, "something else altogether");
  assert.throws(() => new SnapshotFile(path), SnapshotError);
  write(path, new Uint8Array(PAGE).fill(7));
  truncateSync(path, 600);
  const file = new SnapshotFile(path);
  assert.throws(() => {
    file.restore(new Uint8Array(PAGE));
  }, SnapshotError);
  file.close();
});
