/**
 * Makes the memory snapshot that every sandbox starts from, with the compiled code of the realm.
 *
 * `node dist/make-snapshot.js --key` prints the key the snapshot must have;
 * `node dist/make-snapshot.js --out FILE` makes it. The file's name must hold the key.
 */

import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

import { describe, endOnUncaught } from "./describe.js";
import { MemoryViews } from "./linear-memory.js";
import { flagsOfV8 } from "./node-flags.js";
import { bootForSnapshot } from "./own-loader.js";
import { writeSnapshot } from "./snapshot-file.js";
import { snapshotKey } from "./snapshot-key.js";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { key: { type: "boolean", default: false }, out: { type: "string" } },
  });
  const key = snapshotKey();
  if (values.key) {
    process.stdout.write(`${key}\n`);
  } else if (values.out === undefined) {
    process.stderr.write("usage: make-snapshot --key | --out FILE\n");
    process.exitCode = 2;
  } else if (!values.out.includes(key)) {
    process.stderr.write(`the name of the snapshot must hold its key, ${key}\n`);
    process.exitCode = 2;
  } else if (process.execArgv.length === 0) {
    // V8 takes back compiled code only with the flags it was compiled with.
    const again = [...flagsOfV8(), ...process.argv.slice(1)];
    process.exitCode = spawnSync(process.execPath, again, { stdio: "inherit" }).status ?? 1;
  } else {
    await make(values.out, key);
  }
}

async function make(out: string, key: string): Promise<void> {
  try {
    const { loaded, realm } = await bootForSnapshot();
    const tables = loaded.snapshotTables();
    const { bytes } = new MemoryViews(loaded.port.memory);
    writeSnapshot(out, { key, tables, codeCache: realm.makeCodeCache(), memory: bytes });
    process.exit(0);
  } catch (error) {
    process.stderr.write(`the snapshot can't be made: ${describe(error)}\n`);
    process.exitCode = 1;
  }
}

endOnUncaught(70);
void main();

