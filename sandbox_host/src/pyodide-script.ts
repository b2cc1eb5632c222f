/**
 * Pyodide's module as this host needs it: one source, changed in a few places that are counted.
 *
 * The module is pinned by its hash, because what is changed here has no stable interface. After an
 * update of Pyodide the build stops and says where to read what to do.
 */

import { createHash } from "node:crypto";

/** SHA-256 of the pyodide.asm.mjs that the changes below were made for. */
const PINNED = "f7cdc8ece80678ceb712f8e65ebe6d3a83203a180c399865f49612a051693635";

interface Change {
  readonly what: string;
  readonly from: string;
  readonly to: string;
  readonly times: number;
}

/**
 * Pyodide makes an entry in the function table, and a WebAssembly.Global, for each of its 8,800
 * exports in case a library wants it. Only the few hundred that are asked for get one, which saves
 * ten megabytes in every sandbox.
 */
const LEAN: Change = {
  what: "the exports offered to libraries",
  from: "updateGOT(origExports);",
  to: "updateGOT(Object.fromEntries(Object.entries(origExports).filter(([name])=>name in GOT)));",
  times: 1,
};

const CLASSIC: readonly Change[] = [
  { what: "its own address", from: "import.meta.url", to: '"file:///pyodide.asm.mjs"', times: 3 },
  { what: "its export", from: "export default _createPyodideModule;", to: "", times: 1 },
  // What such an import would be rejected with is an object of the host's realm.
  { what: "modules of Node.js", from: " import(", to: " noImport(", times: 12 },
  { what: "modules of Node.js", from: "[import(", to: "[noImport(", times: 1 },
  { what: "modules of Node.js", from: ",import(", to: ",noImport(", times: 2 },
];

export class PyodideChangedError extends Error {
  override readonly name = "PyodideChangedError";
}

/** For the stock loader: the module as it is, but leaner. */
export function leanModule(source: string): string {
  return change(source, LEAN);
}

/** For our own: a function expression of a classic script, whose value is the module's factory. */
export function classicFactory(source: string): string {
  checkPin(source);
  const text = [LEAN, ...CLASSIC].reduce(change, source);
  const left = /import\.meta|\bimport\(|\bexport default/.exec(text);
  if (left !== null) {
    throw changed(`it still holds "${left[0]}"`);
  }
  return (
    '(function(){"use strict";' +
    'function noImport(){throw new Error("there are no modules in a sandbox")}' +
    `${text}\nreturn _createPyodideModule})()`
  );
}

/** The module `./references.js` of the realm, with what Pyodide's own loader has inside it. */
export function referencesModule(loader: string): string {
  const [found, ...others] = [...loader.matchAll(/"(AGFzb[A-Za-z0-9+/]+=*)"/g)];
  if (found?.[1] === undefined || others.length > 0) {
    throw changed("pyodide.mjs holds not one WebAssembly module");
  }
  return `exports.REFERENCES="${Buffer.from(found[1], "base64").toString("hex")}"`;
}

function checkPin(source: string): void {
  const found = createHash("sha256").update(source).digest("hex");
  if (found !== PINNED) {
    throw changed(`its SHA-256 is ${found}, not ${PINNED}`);
  }
}

function change(source: string, { what, from, to, times }: Change): string {
  const parts = source.split(from);
  if (parts.length !== times + 1) {
    throw changed(`${what}: found ${String(parts.length - 1)} times instead of ${String(times)}`);
  }
  return parts.join(to);
}

function changed(fault: string): PyodideChangedError {
  return new PyodideChangedError(
    `pyodide.asm.mjs is not the one this host was made for: ${fault}. ` +
      'What to do is in sandbox_host/README.md, "A new Pyodide".',
  );
}
