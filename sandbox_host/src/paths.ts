/** Where the parts of this program are, from the place of its compiled code. */

import { join } from "node:path";

const packageDir = join(import.meta.dirname, "..");

export const paths = {
  packageDir,
  /** The Python side, packed by prepare-dist. */
  guestBundle: join(import.meta.dirname, "guest.json"),
  /** Pyodide's module, as prepare-dist leaves it. */
  pyodideModule: join(import.meta.dirname, "pyodide.asm.mjs"),
  guestSource: join(packageDir, "guest", "_picloud"),
  picSource: join(packageDir, "..", "server", "pic"),
  pyodideDir: join(packageDir, "node_modules", "pyodide"),
} as const;
