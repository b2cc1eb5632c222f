/** The flags of Node.js that sandboxes run with. */

import { readFileSync } from "node:fs";

import { paths } from "./paths.js";

export function nodeFlags(): readonly string[] {
  return JSON.parse(readFileSync(paths.nodeFlags, "utf8")) as readonly string[];
}
