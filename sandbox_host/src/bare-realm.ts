/**
 * The realm that Pyodide lives in: a JavaScript world of its own, in which `process`, `require` and
 * the machine's file systems do not exist and nothing can be compiled from strings.
 */

import { type Context, Script, constants, createContext, runInContext } from "node:vm";

import { makeHostFunctions } from "./host-functions.js";
import type { BootOptions, HostFunctions, Realm } from "./realm/host.js";
import type { SnapshotFile } from "./snapshot-file.js";

/** The value of dist/realm-script.js. */
type Start = (
  host: HostFunctions,
  options: BootOptions,
  ready: (realm: Realm | string) => void,
) => void;

export class RealmError extends Error {
  override readonly name = "RealmError";
}

export class BareRealm {
  readonly #context: Context = createContext(constants.DONT_CONTEXTIFY, {
    name: "sandbox",
    codeGeneration: { strings: false, wasm: true },
  });
  #script: Script | null = null;
  #fire: (id: number) => void = () => undefined;

  /** Starts to compile WebAssembly, in another thread; what it gives is for the realm only. */
  compileWasm(bytes: Uint8Array): object {
    const compile = runInContext("(bytes) => WebAssembly.compile(bytes)", this.#context) as (
      bytes: Uint8Array,
    ) => object;
    return compile(bytes);
  }

  /**
   * Runs the realm's script and boots Pyodide in it. Raises RealmError. A code cache that does not
   * fit is ignored.
   */
  start(
    source: string,
    codeCache: Buffer | null,
    snapshot: SnapshotFile | null,
    options: BootOptions,
  ): Promise<Realm> {
    const cachedData = codeCache === null ? {} : { cachedData: codeCache };
    this.#script = new Script(source, { filename: "pyodide.asm.mjs", ...cachedData });
    const start = this.#script.runInContext(this.#context) as Start;
    return new Promise((resolve, reject) => {
      const failed = (message: string): void => {
        reject(new RealmError(message));
      };
      const fire = (id: number): void => {
        this.#fire(id);
      };
      const host = makeHostFunctions(snapshot, { fire, failed });
      start(host, options, (realm) => {
        if (typeof realm === "string") {
          failed(realm);
          return;
        }
        this.#fire = realm.fire;
        // Given to the promise itself, an object of the realm would be asked for its `then`.
        resolve({ ...realm, port: { ...realm.port } });
      });
    });
  }

  /** Whether V8 has refused the code cache: made with other flags, or by another V8. */
  get cacheRejected(): boolean {
    return this.#script?.cachedDataRejected ?? false;
  }

  /** Everything compiled so far, for the next start. */
  makeCodeCache(): Buffer {
    if (this.#script === null) {
      throw new RealmError("nothing has been started");
    }
    return this.#script.createCachedData();
  }
}
