/** Boots Pyodide by its own `loadPyodide`: the fallback, in which scripts see Node.js itself. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { type GuestFiles, readGuestBundle } from "./guest-files.js";
import { paths } from "./paths.js";
import type { Port } from "./realm/host.js";
import { openPort } from "./realm/port.js";
import type { FileSystem, Interpreter, Module } from "./realm/pyodide-types.js";
import { type Watch, watchImports } from "./realm/watch.js";
import { type SnapshotFile, SnapshotError } from "./snapshot-file.js";

interface Settings {
  instantiateWasm: (imports: Imports, ready: unknown) => unknown;
}
interface Imports {
  readonly env: Record<string, unknown>;
}
type ModuleFactory = (settings: Settings) => Promise<Module>;

const HOME = "/home/pyodide";
const PAGE = 65536;

/** Boots from the snapshot, or in full. */
export async function bootStock(snapshot: SnapshotFile | null): Promise<Port> {
  const watched = watchedFactory(await moduleFactory());
  const interpreter = await (snapshot === null
    ? bootFully(watched.factory)
    : load({
        _loadSnapshot: new Uint8Array(0),
        createPyodideModule: restoringFactory(watched.factory, snapshot),
      }));
  return openPort(interpreter, watched.watch());
}

async function bootFully(factory: ModuleFactory): Promise<Interpreter> {
  const files = readGuestBundle();
  const interpreter = await load({
    createPyodideModule: factory,
    fsInit: (fs: FileSystem, { sitePackages }: { readonly sitePackages: string }) => {
      installFiles(fs, sitePackages, files);
      return Promise.resolve();
    },
  });
  interpreter.runPython("import _picloud.entry; _picloud.entry.prepare()");
  return interpreter;
}

async function load(options: object): Promise<Interpreter> {
  const { loadPyodide } = await import("pyodide");
  return (await loadPyodide({ ...baseOptions(), ...options })) as unknown as Interpreter;
}

async function moduleFactory(): Promise<ModuleFactory> {
  const module = (await import(paths.stockModule)) as { readonly default: ModuleFactory };
  return module.default;
}

function watchedFactory(factory: ModuleFactory): { factory: ModuleFactory; watch: () => Watch } {
  let watch: Watch | undefined;
  return {
    factory: (settings) => {
      const { instantiateWasm } = settings;
      settings.instantiateWasm = (imports, ready) => {
        watch = watchImports(imports.env);
        return instantiateWasm(imports, ready);
      };
      return factory(settings);
    },
    watch: () => {
      if (watch === undefined) {
        throw new Error("Pyodide has not been started");
      }
      return watch;
    },
  };
}

/** Reads the pages of the file into the new memory, where Pyodide would copy a whole image. */
function restoringFactory(factory: ModuleFactory, snapshot: SnapshotFile): ModuleFactory {
  return async (settings) => {
    const module = await factory(settings);
    // It holds the ten megabytes of the WebAssembly file, which nobody reads again.
    delete module.instantiateWasm;
    module.API.restoreSnapshot = () => {
      growTo(module, snapshot.memorySize);
      snapshot.restore(module.HEAPU8);
      return JSON.parse(snapshot.tables) as unknown;
    };
    return module;
  };
}

/** Allocating is the one way to make Emscripten grow its memory and renew its views. */
function growTo(module: Module, size: number): void {
  // The first block may fit into memory that is there already.
  while (module.HEAPU8.length < size) {
    if (module._malloc(size - module.HEAPU8.length + PAGE) === 0) {
      throw new SnapshotError("there is not enough memory for it");
    }
  }
}

function baseOptions(): object {
  const print = (line: string): void => {
    console.error(line);
  };
  return {
    indexURL: paths.pyodideDir,
    lockFileContents: lockFileWithoutPackages(),
    packageBaseUrl: "file:///nowhere/",
    env: { HOME, LANG: "C.UTF-8" },
    enableRunUntilComplete: false,
    stdin: () => null,
    stdout: print,
    stderr: print,
  };
}

/** Nothing is ever loaded from Pyodide's own distribution, and its list of packages is long. */
function lockFileWithoutPackages(): string {
  const text = readFileSync(join(paths.pyodideDir, "pyodide-lock.json"), "utf8");
  const { info } = JSON.parse(text) as { readonly info: object };
  return JSON.stringify({ info, packages: {} });
}

function installFiles(fs: FileSystem, root: string, files: GuestFiles): void {
  for (const [path, source] of Object.entries(files)) {
    const target = `${root}/${path}`;
    fs.mkdirTree(target.slice(0, target.lastIndexOf("/")));
    fs.writeFile(target, source);
  }
}
