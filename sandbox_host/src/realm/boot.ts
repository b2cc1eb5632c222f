/** Does what Pyodide's own loader does, with what the host gives instead of files. */

import { type Watch, watchImports } from "./watch.js";
import { hostCall, messageOf } from "./host-calls.js";
import type { BootOptions, HostFunctions } from "./host.js";
import type { FileSystem, InternalApi, Interpreter, Module } from "./pyodide-types.js";
import { REFERENCES } from "./references.js";

export type Factory = (settings: object) => Promise<Module>;

export interface Booted {
  readonly interpreter: Interpreter;
  readonly watch: Watch;
}

const HOME = "/home/pyodide";
const PAGE = 65536;
const ENVIRONMENT = { HOME, LANG: "C.UTF-8", PYTHONINSPECT: "1" };
// Of the worlds that Pyodide knows, a browser's is the one without a machine behind it.
const RUNTIME = { IN_BROWSER: true, IN_BROWSER_MAIN_THREAD: true, IN_WORKERD: true };
// The file systems of Emscripten that reach outside, or would like to.
const OUTSIDE = ["NODEFS", "WORKERFS", "PROXYFS", "IDBFS", "NATIVEFS_ASYNC"];

/** Boots from the snapshot if the host has one, else in full with the guest prepared. */
export async function bootPyodide(
  host: HostFunctions,
  factory: Factory,
  options: BootOptions,
): Promise<Booted> {
  const tables = hostCall(host.snapshotTables)();
  const config = {
    jsglobals: globalThis,
    env: ENVIRONMENT,
    args: [],
    packages: [],
    indexURL: "/",
    packageCacheDir: "/",
    packageBaseUrl: "/",
    cdnUrl: "/",
    enableRunUntilComplete: false,
    BUILD_ID: "",
    _makeSnapshot: options.makeSnapshot,
  };
  const API = { config, runtimeEnv: { ...RUNTIME } } as unknown as InternalApi;
  const { module, watch } = await makeModule(host, factory, API, options, tables !== "");
  let interpreter: Interpreter;
  if (tables === "") {
    interpreter = API.finalizeBootstrap();
    API.sys.path.insert(0, "");
    API._pyodide.set_excepthook();
    installGuest(module.FS, API.sitePackages ?? "", hostCall(host.guestBundle)());
  } else {
    growTo(module, hostCall(host.snapshotSize)());
    hostCall(host.restore)(module.HEAPU8);
    interpreter = API.finalizeBootstrap(JSON.parse(tables) as object);
  }
  const print = hostCall(host.print);
  API.initializeStreams(() => null, print, print);
  if (tables === "") {
    interpreter.runPython("import _picloud.entry; _picloud.entry.prepare()");
  }
  closeTheOutside(module);
  return { interpreter, watch };
}

/** The tables of JavaScript objects that belong to the memory, as JSON. */
export function snapshotTables(interpreter: Interpreter): string {
  return JSON.stringify(interpreter._module.API.serializeHiwireState());
}

async function makeModule(
  host: HostFunctions,
  factory: Factory,
  API: InternalApi,
  options: BootOptions,
  restoring: boolean,
): Promise<{ module: Module; watch: Watch }> {
  const print = hostCall(host.print);
  let watch: Watch | undefined;
  const compiled = options.compiled as Promise<WebAssembly.Module>;
  const settings = {
    API,
    noInitialRun: restoring,
    noImageDecoding: true,
    noAudioDecoding: true,
    noWasmDecoding: false,
    thisProgram: "/usr/bin/python3",
    arguments: [],
    print,
    printErr: print,
    locateFile: (path: string) => `/${path}`,
    preRun: [
      (module: Module) => {
        installPython(host, module);
      },
    ],
    instantiateWasm: (imports: Imports, ready: (i: unknown, m: unknown) => void): object => {
      watch = watchImports(imports.env);
      void instantiate(compiled, imports, ready, host);
      return {};
    },
  };
  const module = await asInBrowser(() => factory(settings));
  // It holds the module and with it the WebAssembly file, which nobody reads again.
  delete module.instantiateWasm;
  if (watch === undefined) {
    throw new Error("Pyodide has brought a WebAssembly of its own");
  }
  return { module, watch };
}

interface Imports {
  readonly env: Record<string, unknown>;
}

async function instantiate(
  compiled: Promise<WebAssembly.Module>,
  imports: Imports,
  ready: (instance: unknown, module: unknown) => void,
  host: HostFunctions,
): Promise<void> {
  try {
    const references = new WebAssembly.Instance(new WebAssembly.Module(fromHex(REFERENCES)));
    Object.assign(imports.env, references.exports);
    const module = await compiled;
    const instance = new WebAssembly.Instance(module, imports);
    const { buffer } = instance.exports.memory as WebAssembly.Memory;
    hostCall(host.initialData)(new Uint8Array(buffer));
    ready(instance, module);
  } catch (error) {
    hostCall(host.failed)(`WebAssembly does not start: ${messageOf(error)}`);
  }
}

interface Browser {
  window?: object;
  document?: object;
  sessionStorage?: object;
}

/** Emscripten looks for these while it starts, and only then. */
function asInBrowser<T>(start: () => T): T {
  const scope = globalThis as Browser;
  scope.window = { sessionStorage: {} };
  scope.document = { createElement: () => undefined };
  scope.sessionStorage = {};
  try {
    return start();
  } finally {
    delete scope.window;
    delete scope.document;
    delete scope.sessionStorage;
  }
}

function installPython(host: HostFunctions, module: Module): void {
  const version = module.HEAPU32[module._Py_Version >>> 2] ?? 0;
  const [major, minor, micro] = [version >>> 24, (version >>> 16) & 255, (version >>> 8) & 255];
  const { API, FS } = module;
  const library = `/lib/python${String(major)}.${String(minor)}`;
  API.pyVersionTuple = [major, minor, micro];
  API.sitePackages = `${library}/site-packages`;
  FS.mkdirTree(API.sitePackages);
  FS.mkdirTree(`${library}/lib-dynload`);
  installLibrary(host, FS, `/lib/python${String(major)}${String(minor)}.zip`);
  FS.mkdirTree(HOME);
  FS.chdir(HOME);
  Object.assign(module.ENV, ENVIRONMENT);
}

function installGuest(fs: FileSystem, root: string, bundle: string): void {
  for (const [path, source] of Object.entries(JSON.parse(bundle) as Record<string, string>)) {
    const target = `${root}/${path}`;
    fs.mkdirTree(target.slice(0, target.lastIndexOf("/")));
    fs.writeFile(target, source);
  }
}

/** Allocating is the one way to make Emscripten grow its memory and renew its views. */
function growTo(module: Module, size: number): void {
  // The first block may fit into memory that is there already.
  while (module.HEAPU8.length < size) {
    if (module._malloc(size - module.HEAPU8.length + PAGE) === 0) {
      throw new Error("there is not enough memory for the snapshot");
    }
  }
}

function closeTheOutside(module: Module): void {
  const names = module as unknown as Record<string, unknown>;
  for (const name of OUTSIDE) {
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a handful, once
    delete names[name];
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- the same
    delete module.FS.filesystems[name];
  }
}

/** The standard library's file, whose bytes come when they are read: most scripts need none. */
function installLibrary(host: HostFunctions, fs: FileSystem, path: string): void {
  fs.writeFile(path, "");
  const { node } = fs.lookupPath(path);
  const into = hostCall(host.stdlibInto);
  const size = hostCall(host.stdlibSize)();
  const settle = (value: Uint8Array): void => {
    Object.defineProperty(node, "contents", { value, writable: true, enumerable: true });
  };
  node.usedBytes = size;
  Object.defineProperty(node, "contents", {
    get: () => {
      const bytes = new Uint8Array(size);
      into(bytes);
      settle(bytes);
      return bytes;
    },
    set: settle,
    enumerable: true,
    configurable: true,
  });
}

function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  return bytes.map((_, index) => parseInt(text.slice(2 * index, 2 * index + 2), 16));
}
