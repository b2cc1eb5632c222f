/**
 * Build step: what the host reads at run time besides its own code.
 *
 * The guest's Python files and the `pic` package go into dist/guest.json. Pyodide's module is
 * copied with one change: it makes an entry in the function table, and a WebAssembly.Global, for
 * each of its 8,800 exports in case a library wants it. Sandboxes load no libraries, so only the
 * few hundred that are asked for get one, which saves ten megabytes in every sandbox.
 */

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { collectGuestFiles } from "./guest-files.js";
import { paths } from "./paths.js";

const EVERY_EXPORT = "updateGOT(origExports);";
const WANTED_EXPORTS =
  "updateGOT(Object.fromEntries(Object.entries(origExports).filter(([name])=>name in GOT)));";

function write(path: string, text: string): void {
  const temporary = `${path}.${String(process.pid)}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

function leanModule(): string {
  const source = readFileSync(join(paths.pyodideDir, "pyodide.asm.mjs"), "utf8");
  const parts = source.split(EVERY_EXPORT);
  if (parts.length !== 2) {
    throw new Error("this version of Pyodide links its exports in another way");
  }
  return parts.join(WANTED_EXPORTS);
}

write(paths.guestBundle, JSON.stringify(collectGuestFiles()));
write(paths.pyodideModule, leanModule());
