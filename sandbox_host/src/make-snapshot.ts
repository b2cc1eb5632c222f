/**
 * Makes the memory snapshot that every sandbox starts from.
 *
 * `node dist/make-snapshot.js --key` prints the key the snapshot must have;
 * `node dist/make-snapshot.js --out FILE` makes it. The file's name must hold the key.
 */

import { parseArgs } from "node:util";

import { bootFully } from "./boot.js";
import { describe, endOnUncaught } from "./describe.js";
import { writeSnapshot } from "./snapshot-file.js";
import { snapshotKey } from "./snapshot-key.js";

endOnUncaught(70);
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
} else {
  try {
    const interpreter = await bootFully(true);
    writeSnapshot(values.out, key, interpreter.makeMemorySnapshot());
  } catch (error) {
    process.stderr.write(`the snapshot can't be made: ${describe(error)}\n`);
    process.exitCode = 1;
  }
}
