/** The flags of Node.js that sandboxes run with, as far as V8 compiles otherwise with them. */

import { readFileSync } from "node:fs";

import { paths } from "./paths.js";

export function flagsOfV8(): readonly string[] {
  const flags = JSON.parse(readFileSync(paths.nodeFlags, "utf8")) as readonly string[];
  return flags.filter((flag) => !/^--(permission|allow-)/.test(flag));
}
