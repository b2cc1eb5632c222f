/** The Python files of the guest, packed into one JSON file so that a jailed host can read them. */

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { paths } from "./paths.js";

/** Source text by path below site-packages. */
export type GuestFiles = Readonly<Record<string, string>>;

/** Only for tests under plain CPython. */
const NOT_IN_THE_GUEST = new Set(["pic/testing.py", "pic/fetch_locally.py"]);

export function readGuestBundle(): GuestFiles {
  return JSON.parse(readFileSync(paths.guestBundle, "utf8")) as GuestFiles;
}

export function collectGuestFiles(): GuestFiles {
  const files: Record<string, string> = {};
  const roots: readonly (readonly [string, string])[] = [
    ["_picloud", paths.guestSource],
    ["pic", paths.picSource],
  ];
  for (const [name, directory] of roots) {
    for (const entry of readdirSync(directory).sort()) {
      const path = `${name}/${entry}`;
      if (entry.endsWith(".py") && !NOT_IN_THE_GUEST.has(path)) {
        files[path] = readFileSync(join(directory, entry), "utf8");
      }
    }
  }
  return files;
}
