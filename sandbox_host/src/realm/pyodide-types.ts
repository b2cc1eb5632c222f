/** The parts of Pyodide and Emscripten that are used, most of which its declarations leave out. */

import type { Files, MemoryFiles, Node } from "./files.js";

/** The Emscripten module; the views are replaced whenever the memory grows. */
export interface Module {
  readonly HEAPU8: Uint8Array;
  readonly HEAPU32: Uint32Array;
  readonly HEAPF64: Float64Array;
  readonly memory: WebAssembly.Memory;
  readonly FS: FileSystem;
  readonly MEMFS: MemoryFiles;
  readonly ENV: Record<string, string>;
  readonly API: InternalApi;
  readonly _Py_Version: number;
  instantiateWasm?: unknown;
  _malloc(size: number): number;
}

export interface InternalApi {
  readonly sys: PyProxy & { readonly path: PyProxy & { insert(at: number, path: string): void } };
  readonly _pyodide: PyProxy & { set_excepthook(): void };
  finalizeBootstrap(tables?: object): Interpreter;
  initializeStreams(stdin?: unknown, stdout?: unknown, stderr?: unknown): void;
  restoreSnapshot(bytes: Uint8Array): unknown;
  serializeHiwireState(): object;
  pyVersionTuple?: readonly number[];
  sitePackages?: string;
}

export interface Interpreter {
  readonly _module: Module;
  pyimport(name: string): PyProxy;
  runPython(code: string): unknown;
  setInterruptBuffer(buffer: object): void;
}

export interface PyProxy {
  destroy(): void;
}

export interface Buffered extends PyProxy {
  getBuffer(): { readonly data: Uint8Array; release(): void };
}

/** The functions of _picloud/entry.py. */
export interface Entry extends PyProxy {
  attach(host: object): void;
  readonly reserve: (size: number) => Buffered;
  readonly bind: () => void;
  readonly check: (stream: number) => void;
  readonly put_body: (stream: number) => void;
  readonly result: (call: number, flags: number, size: number) => void;
  readonly run: (start: number, end: number) => void;
  readonly pump: () => void;
  readonly window: (stream: number, credit: number) => void;
  readonly cancel: (stream: number) => void;
  readonly tick: () => void;
  readonly rehearse: () => void;
  readonly settle: () => void;
  readonly renew: (firstCall: number) => void;
  readonly retire: () => void;
  readonly inbox: Buffered;
  readonly outbox: PyProxy & { readonly buffer: Buffered; readonly shared: Buffered };
  readonly calls: PyProxy & { readonly buffer: Buffered };
  readonly deadline: PyProxy & { readonly word: Buffered };
}

/** Emscripten's file system, as far as it is used here. */
export interface FileSystem extends Files {
  readonly filesystems: Record<string, unknown>;
  mkdirTree(path: string): void;
  chdir(path: string): void;
  lookupPath(path: string): { readonly node: Node };
  writeFile(path: string, content: string | Uint8Array, options?: { canOwn: boolean }): void;
}
