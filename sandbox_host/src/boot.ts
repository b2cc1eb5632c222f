/** Starts Pyodide: from a memory snapshot if there is one that fits, else from nothing. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { loadPyodide } from "pyodide";

import { describe } from "./describe.js";
import { type GuestFiles, readGuestBundle } from "./guest-files.js";
import { paths } from "./paths.js";
import type { EmscriptenModule, FileSystem, Interpreter, ModuleFactory } from "./pyodide-internals.js";
import { SnapshotError, SnapshotFile } from "./snapshot-file.js";

const HOME = "/home/pyodide";
const PAGE = 65536;


export interface Booted {
  readonly interpreter: Interpreter;
  readonly how: "snapshot" | "full";
}

/** Boots from the snapshot; what stands in the way of that is said on stderr. */
export async function boot(snapshotPath: string | null): Promise<Booted> {
  if (snapshotPath !== null) {
    try {
      return { interpreter: await bootFromSnapshot(snapshotPath), how: "snapshot" };
    } catch (error) {
      console.error(`the snapshot can't be used: ${describe(error)}`);
    }
  }
  return { interpreter: await bootFully(false), how: "full" };
}

/** A full boot, with the guest installed and prepared; `forSnapshot` allows to make one of it. */
export async function bootFully(forSnapshot: boolean): Promise<Interpreter> {
  const files = readGuestBundle();
  const options = {
    ...baseOptions(),
    createPyodideModule: await moduleFactory(),
    _makeSnapshot: forSnapshot,
    fsInit: (fs: FileSystem, { sitePackages }: { readonly sitePackages: string }) => {
      installFiles(fs, sitePackages, files);
      return Promise.resolve();
    },
  };
  const interpreter = await load(options);
  interpreter.runPython("import _picloud.entry; _picloud.entry.prepare()");
  return interpreter;
}

async function bootFromSnapshot(path: string): Promise<Interpreter> {
  const file = new SnapshotFile(path);
  try {
    checkName(path, file.description.key);
    const options = {
      ...baseOptions(),
      _loadSnapshot: new Uint8Array(0),
      createPyodideModule: restoringFactory(await moduleFactory(), file),
    };
    return await load(options);
  } finally {
    file.close();
  }
}

async function load(options: object): Promise<Interpreter> {
  return (await loadPyodide(options)) as unknown as Interpreter;
}

/** A snapshot file is named by its key; the one inside must be the same. */
function checkName(path: string, key: string): void {
  if (!path.includes(key)) {
    throw new SnapshotError("its name and its key differ");
  }
}

async function moduleFactory(): Promise<ModuleFactory> {
  const module = (await import(paths.pyodideModule)) as { readonly default: ModuleFactory };
  return module.default;
}

/** Reads the pages of the file into the new memory, where Pyodide would copy a whole image. */
function restoringFactory(factory: ModuleFactory, file: SnapshotFile): ModuleFactory {
  return async (settings) => {
    const module = await factory(settings);
    // It holds the ten megabytes of the WebAssembly file, which nobody reads again.
    delete module.instantiateWasm;
    module.API.restoreSnapshot = () => {
      growTo(module, file.description.memorySize);
      file.restore(module.HEAPU8);
      return file.description.tables;
    };
    return module;
  };
}

/** Allocating is the one way to make Emscripten grow its memory and renew its views. */
function growTo(module: EmscriptenModule, size: number): void {
  if (module.HEAPU8.length < size) {
    module._malloc(size - module.HEAPU8.length + PAGE);
  }
  if (module.HEAPU8.length < size) {
    throw new SnapshotError("there is not enough memory for it");
  }
}

function baseOptions(): object {
  return {
    indexURL: paths.pyodideDir,
    lockFileContents: lockFileWithoutPackages(),
    packageBaseUrl: "file:///nowhere/",
    env: { HOME, LANG: "C.UTF-8" },
    enableRunUntilComplete: false,
    stdin: () => null,
    stdout: (line: string) => {
      console.error(line);
    },
    stderr: (line: string) => {
      console.error(line);
    },
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
