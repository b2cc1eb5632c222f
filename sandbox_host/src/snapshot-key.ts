/** The name of everything a snapshot depends on: another key means another snapshot. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { paths } from "./paths.js";

/** Raised when the format of the snapshot file or the way it is made changes. */
const FORMAT = 1;

const FILES = [
  join(paths.pyodideDir, "pyodide.asm.wasm"),
  join(paths.pyodideDir, "pyodide.mjs"),
  join(paths.pyodideDir, "python_stdlib.zip"),
  paths.guestBundle,
  paths.pyodideModule,
];

/** Reads some 14 MB; the host itself compares with the key its snapshot is named by. */
export function snapshotKey(): string {
  const hash = createHash("sha256");
  hash.update(`picloud-snapshot ${String(FORMAT)} node ${process.versions.node}\n`);
  for (const file of FILES) {
    hash.update(createHash("sha256").update(readFileSync(file)).digest());
  }
  return hash.digest("hex");
}
