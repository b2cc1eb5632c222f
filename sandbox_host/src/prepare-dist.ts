/**
 * Build step: what the host reads at run time besides its own code.
 *
 * - dist/guest.json: the guest's Python files and the `pic` package.
 * - dist/realm-script.js: the realm's modules and Pyodide's as one classic script.
 * - dist/pyodide.asm.mjs: Pyodide's module for the stock loader.
 */

import { readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { collectGuestFiles } from "./guest-files.js";
import { paths } from "./paths.js";
import { PyodideChangedError, classicFactory, leanModule, referencesModule } from "./pyodide-script.js";

function write(path: string, text: string): void {
  const temporary = `${path}.${String(process.pid)}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

/** Links the realm's CommonJS modules; the value of the script is its `start`. */
function realmScript(factory: string, references: string): string {
  const sources = readdirSync(paths.realmModules)
    .filter((name) => name.endsWith(".js"))
    .sort()
    .map((name) => [name, readFileSync(join(paths.realmModules, name), "utf8")] as const);
  const modules = [...sources, ["references.js", references] as const].map(
    ([name, source]) => `${JSON.stringify(`./${name}`)}:function(exports,require){${source}\n}`,
  );
  return `(function(){"use strict";
const modules={${modules.join(",\n")}};
const linked={};
function link(name){
  if(!(name in linked)){linked[name]={};modules[name](linked[name],link)}
  return linked[name];
}
const factory=${factory};
const {start}=link("./main.js");
return (host,options,ready)=>{start(host,factory,options,ready)};
})()`;
}

try {
  const pyodide = readFileSync(join(paths.pyodideDir, "pyodide.asm.mjs"), "utf8");
  write(paths.guestBundle, JSON.stringify(collectGuestFiles()));
  write(paths.stockModule, leanModule(pyodide));
  const references = referencesModule(readFileSync(join(paths.pyodideDir, "pyodide.mjs"), "utf8"));
  write(paths.realmScript, realmScript(classicFactory(pyodide), references));
} catch (error) {
  if (!(error instanceof PyodideChangedError)) {
    throw error;
  }
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
