/** Starts Pyodide: from a memory snapshot if there is one that fits, else from nothing. */

import { describe } from "./describe.js";
import { bootOwn } from "./own-loader.js";
import type { Port } from "./realm/host.js";
import { SnapshotError, SnapshotFile } from "./snapshot-file.js";

/** `own` is the sandbox's; `stock` is Pyodide's, should ours ever fail. */
export type Loader = "own" | "stock";

export interface BootSettings {
  readonly loader: Loader;
  readonly snapshot: string | null;
  /** What the interpreter's memory can't grow beyond, in bytes. The stock loader knows no such limit. */
  readonly memoryMax: number | null;
}

export interface Booted {
  readonly port: Port;
  readonly how: "snapshot" | "full";
}

/** Boots from the snapshot; what stands in the way of that is said on stderr. */
export async function boot(settings: BootSettings): Promise<Booted> {
  if (settings.snapshot !== null) {
    try {
      return { port: await bootFrom(settings.snapshot, settings), how: "snapshot" };
    } catch (error) {
      console.error(`the snapshot can't be used: ${describe(error)}`);
    }
  }
  return { port: await start(null, settings), how: "full" };
}

async function bootFrom(path: string, settings: BootSettings): Promise<Port> {
  const file = new SnapshotFile(path);
  try {
    checkName(path, file.key);
    return await start(file, settings);
  } finally {
    file.close();
  }
}

async function start(snapshot: SnapshotFile | null, settings: BootSettings): Promise<Port> {
  if (settings.loader === "own") {
    return bootOwn(snapshot, { memoryMax: settings.memoryMax, makeSnapshot: false });
  }
  const { bootStock } = await import("./stock-loader.js");
  return bootStock(snapshot);
}

/** A snapshot file is named by its key; the one inside must be the same. */
function checkName(path: string, key: string): void {
  if (!path.includes(key)) {
    throw new SnapshotError("its name and its key differ");
  }
}
