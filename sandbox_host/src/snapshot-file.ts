/**
 * The file a memory snapshot is kept in: the pages of the interpreter's memory that are not zero.
 *
 * `magic | u32 length of the description | description (JSON) | segments, one after the other`
 */

import { closeSync, fsyncSync, openSync, readSync, renameSync, writeSync } from "node:fs";

const MAGIC = Buffer.from("PICSNAP1");
const PAGE = 4096;
const HEAD_SIZE = MAGIC.length + 4;
/** Place of the description and of the memory in what Pyodide itself makes. */
const PYODIDE_HEADER = 48;

export interface SnapshotDescription {
  readonly key: string;
  /** Pyodide's table of JavaScript objects, to be handed back to it as it is. */
  readonly tables: unknown;
  readonly memorySize: number;
  readonly segments: readonly (readonly [offset: number, length: number])[];
}

export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

/** An open snapshot whose description is read; `restore` reads the rest. */
export class SnapshotFile {
  readonly description: SnapshotDescription;
  readonly #fd: number;
  readonly #dataStart: number;

  constructor(path: string) {
    this.#fd = openSync(path, "r");
    const head = this.#read(HEAD_SIZE, 0);
    if (!head.subarray(0, MAGIC.length).equals(MAGIC)) {
      throw new SnapshotError("this is not a snapshot");
    }
    const size = head.readUInt32LE(MAGIC.length);
    this.description = JSON.parse(
      this.#read(size, HEAD_SIZE).toString("utf8"),
    ) as SnapshotDescription;
    this.#dataStart = HEAD_SIZE + size;
  }

  /** Copies the pages straight into the memory of the interpreter. */
  restore(memory: Uint8Array): void {
    let position = this.#dataStart;
    for (const [offset, length] of this.description.segments) {
      if (readSync(this.#fd, memory, offset, length, position) !== length) {
        throw new SnapshotError("the snapshot is cut short");
      }
      position += length;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #read(length: number, position: number): Buffer {
    const buffer = Buffer.alloc(length);
    if (readSync(this.#fd, buffer, 0, length, position) !== length) {
      throw new SnapshotError("the snapshot is cut short");
    }
    return buffer;
  }
}

/** Writes what Pyodide's makeMemorySnapshot gave, under its name only once it is complete. */
export function writeSnapshot(path: string, key: string, snapshot: Uint8Array): void {
  const words = new Uint32Array(snapshot.buffer, snapshot.byteOffset, PYODIDE_HEADER / 4);
  const [, memoryStart = 0, tablesLength = 0] = words;
  const tables = new TextDecoder().decode(
    snapshot.subarray(PYODIDE_HEADER, PYODIDE_HEADER + tablesLength),
  );
  const memory = snapshot.subarray(memoryStart);
  const segments = findSegments(memory);
  const description: SnapshotDescription = {
    key,
    tables: JSON.parse(tables) as unknown,
    memorySize: memory.length,
    segments,
  };
  const encoded = Buffer.from(JSON.stringify(description));
  const head = Buffer.alloc(HEAD_SIZE);
  MAGIC.copy(head);
  head.writeUInt32LE(encoded.length, MAGIC.length);
  const temporary = `${path}.${String(process.pid)}.tmp`;
  const fd = openSync(temporary, "w", 0o644);
  for (const part of [head, encoded, ...segments.map(([o, n]) => memory.subarray(o, o + n))]) {
    writeAll(fd, part);
  }
  fsyncSync(fd);
  closeSync(fd);
  renameSync(temporary, path);
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) {
    at += writeSync(fd, bytes, at, bytes.length - at);
  }
}

function findSegments(memory: Uint8Array): (readonly [number, number])[] {
  const words = new BigUint64Array(memory.slice().buffer);
  const segments: [number, number][] = [];
  for (let offset = 0; offset < memory.length; offset += PAGE) {
    const page = words.subarray(offset / 8, (offset + PAGE) / 8);
    if (page.every((word) => word === 0n)) {
      continue;
    }
    const last = segments.at(-1);
    if (last !== undefined && last[0] + last[1] === offset) {
      last[1] += PAGE;
    } else {
      segments.push([offset, PAGE]);
    }
  }
  return segments;
}
