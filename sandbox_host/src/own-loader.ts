/** Boots Pyodide in a realm of its own, instead of by Pyodide's own loader. */

import { readFileSync } from "node:fs";

import { paths } from "./paths.js";
import { BareRealm } from "./bare-realm.js";
import type { Port, Realm } from "./realm/host.js";
import type { SnapshotFile } from "./snapshot-file.js";
import { WASM_PAGE, limitWasmMemory } from "./wasm-file.js";

export interface OwnOptions {
  /** What the interpreter's memory can't grow beyond, in bytes. */
  readonly memoryMax: number | null;
  readonly makeSnapshot: boolean;
}

/** Boots from the snapshot, or in full. Raises RealmError. */
export async function bootOwn(snapshot: SnapshotFile | null, options: OwnOptions): Promise<Port> {
  const { loaded } = await load(snapshot, options);
  loaded.freeze();
  return loaded.port;
}

/** A full boot whose memory, tables and compiled code can be kept. */
export async function bootForSnapshot(): Promise<{ loaded: Realm; realm: BareRealm }> {
  return load(null, { memoryMax: null, makeSnapshot: true });
}

async function load(
  snapshot: SnapshotFile | null,
  options: OwnOptions,
): Promise<{ loaded: Realm; realm: BareRealm }> {
  const realm = new BareRealm();
  const wasm = readFileSync(paths.wasmCode);
  if (options.memoryMax !== null) {
    limitWasmMemory(wasm, Math.floor(options.memoryMax / WASM_PAGE));
  }
  const compiled = realm.compileWasm(wasm);
  const source = readFileSync(paths.realmScript, "latin1");
  const loaded = await realm.start(source, snapshot?.codeCache() ?? null, snapshot, {
    compiled,
    makeSnapshot: options.makeSnapshot,
  });
  return { loaded, realm };
}
