/**
 * Build step: what the host reads at run time besides its own code.
 *
 * - dist/guest.json: the guest's Python files and the `pic` package.
 * - dist/main.js: the modules of the host as one file, which loads in half the time.
 * - dist/realm-script.js: the realm's modules and Pyodide's as one classic script.
 * - dist/code.wasm, dist/data.bin: Pyodide's WebAssembly, and what its memory begins with.
 * - dist/pyodide.asm.mjs: Pyodide's module for the stock loader.
 */

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { collectGuestFiles } from "./guest-files.js";
import { paths } from "./paths.js";
import { PyodideChangedError, classicFactory, leanModule, referencesModule } from "./pyodide-script.js";
import { splitWasm } from "./wasm-file.js";

function pyodideFile(name: string): string {
  return readFileSync(join(paths.pyodideDir, name), "utf8");
}

function write(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${String(process.pid)}.tmp`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

/** The value of the realm's script is its `start`. */
function realmScript(factory: string, references: string): string {
  const modules = new Map([["./references.js", references]]);
  collect("./main.js", paths.realmModules, modules);
  return `(function(){"use strict";
${linker(modules, "undefined")}
const factory=${factory};
const {start}=link("./main.js");
return (host,options,ready)=>{start(host,factory,options,ready)};
})()`;
}

function hostProgram(): string {
  const modules = new Map<string, string>();
  collect("./start.js", paths.dist, modules);
  return `"use strict";\n${linker(modules, "require")}\nlink("./start.js");\n`;
}

/** This CommonJS module and those it requires; what Node.js brings is not ours. */
function collect(name: string, directory: string, modules: Map<string, string>): void {
  if (modules.has(name)) {
    return;
  }
  const source = readFileSync(join(directory, name), "utf8");
  modules.set(name, source);
  for (const [, needed] of source.matchAll(/require\("(\.\/[^"]+)"\)/g)) {
    collect(needed ?? "", directory, modules);
  }
}

/** JavaScript that defines `link`, which loads one of the modules; `outside` loads all others. */
function linker(modules: ReadonlyMap<string, string>, outside: string): string {
  const functions = [...modules].map(
    ([name, source]) => `${JSON.stringify(name)}:function(exports,require){${source}\n}`,
  );
  return `const modules={${functions.join(",\n")}};
const linked={};
function link(name){
  if(!(name in modules))return ${outside}(name);
  if(!(name in linked)){linked[name]={};modules[name](linked[name],link)}
  return linked[name];
}`;
}

try {
  const pyodide = pyodideFile("pyodide.asm.mjs");
  write(paths.guestBundle, JSON.stringify(collectGuestFiles()));
  write(paths.stockModule, leanModule(pyodide));
  const { code, data } = splitWasm(readFileSync(paths.wasm));
  write(paths.program, hostProgram());
  const references = referencesModule(pyodideFile("pyodide.mjs"));
  write(paths.realmScript, realmScript(classicFactory(pyodide), references));
  write(paths.wasmCode, code);
  write(paths.wasmData, data);
} catch (error) {
  if (!(error instanceof PyodideChangedError)) {
    throw error;
  }
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
