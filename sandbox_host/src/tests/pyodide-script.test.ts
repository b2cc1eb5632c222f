import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Script } from "node:vm";

import { paths } from "../paths.js";
import { PyodideChangedError, classicFactory, leanModule, referencesModule } from "../pyodide-script.js";

const source = readFileSync(join(paths.pyodideDir, "pyodide.asm.mjs"), "utf8");

test("Pyodide's module becomes a classic script without imports", () => {
  const script = classicFactory(source);
  assert.doesNotMatch(script, /import\.meta|\bimport\(/);
  assert.equal(typeof new Script(script).runInThisContext(), "function");
});

test("another Pyodide is refused with the way out", () => {
  assert.throws(() => classicFactory(`${source} `), PyodideChangedError);
  assert.throws(() => classicFactory(`${source} `), /sandbox_host\/README\.md/);
  assert.throws(() => leanModule("nothing of it"), /found 0 times instead of 1/);
});

test("the functions on references come from Pyodide's loader", () => {
  const loader = readFileSync(join(paths.pyodideDir, "pyodide.mjs"), "utf8");
  const hex = /"([0-9a-f]+)"$/.exec(referencesModule(loader))?.[1] ?? "";
  const bytes = Buffer.from(hex, "hex").toString("latin1");
  assert.ok(bytes.startsWith("\0asm"));
  assert.match(bytes, /Jsv_GetError_import.*JsvError_Check/s);
  assert.throws(() => referencesModule(loader + loader), PyodideChangedError);
});
