/** Where the parts of this program are, from the place of its compiled code. */

import { join } from "node:path";

const dist = __dirname;
const packageDir = join(dist, "..");
const pyodideDir = join(packageDir, "node_modules", "pyodide");

export const paths = {
  dist,
  packageDir,
  /** The host as one file. */
  program: join(dist, "main.js"),
  /** The Python side, packed by prepare-dist. */
  guestBundle: join(dist, "guest.json"),
  /** The realm's own modules, as the compiler leaves them, and linked with Pyodide's. */
  realmModules: join(dist, "realm-modules"),
  realmScript: join(dist, "realm-script.js"),
  /** Pyodide's module for the stock loader. */
  stockModule: join(dist, "pyodide.asm.mjs"),
  guestSource: join(packageDir, "guest", "_picloud"),
  picSource: join(packageDir, "..", "server", "pic"),
  pyodideDir,
  pyodidePackage: join(pyodideDir, "package.json"),
  wasm: join(pyodideDir, "pyodide.asm.wasm"),
  /** The same in two parts, of which V8 keeps the first. */
  wasmCode: join(dist, "code.wasm"),
  wasmData: join(dist, "data.bin"),
  stdlib: join(pyodideDir, "python_stdlib.zip"),
  nodeFlags: join(packageDir, "node-flags.json"),
} as const;
