/** The name of everything a snapshot depends on: another key means another snapshot. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { paths } from "./paths.js";

/** Raised when the format of the snapshot file or the way it is made changes. */
const FORMAT = 2;

const FILES = [
  paths.wasm,
  paths.stdlib,
  paths.guestBundle,
  paths.realmScript,
  paths.stockModule,
  paths.nodeFlags,
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
