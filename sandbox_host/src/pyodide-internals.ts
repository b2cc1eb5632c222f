/** The parts of Pyodide that its own type declarations leave out. */

import type { PyodideAPI } from "pyodide";

import type { LinearMemory } from "./linear-memory.js";

/** The Emscripten module; the views are replaced whenever the memory grows. */
export interface EmscriptenModule {
  readonly HEAPU8: Uint8Array;
  readonly HEAPU32: Uint32Array;
  readonly memory: LinearMemory;
  readonly API: InternalApi;
  instantiateWasm?: unknown;
  _malloc(size: number): number;
}

export interface InternalApi {
  readonly config: { readonly BUILD_ID: string };
  restoreSnapshot(bytes: Uint8Array): unknown;
}

export interface Interpreter extends PyodideAPI {
  readonly _module: EmscriptenModule;
  makeMemorySnapshot(): Uint8Array;
}

export type ModuleFactory = (settings: object) => Promise<EmscriptenModule>;

/** Emscripten's file system, as far as it is used here. */
export interface FileSystem {
  mkdirTree(path: string): void;
  writeFile(path: string, content: string): void;
}
