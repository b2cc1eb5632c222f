/**
 * The file a memory snapshot is kept in: the pages of the interpreter's memory that are not zero,
 * and the compiled code of what runs in the realm.
 *
 * `magic | u32 length of the description | description (JSON) | code | segments, one after the other`
 */

import { closeSync, fsyncSync, openSync, readSync, renameSync, writeSync } from "node:fs";

const MAGIC = Buffer.from("PICSNAP2");
const PAGE = 4096;
const HEAD_SIZE = MAGIC.length + 4;

interface Description {
  readonly key: string;
  readonly tables: string;
  readonly codeSize: number;
  readonly memorySize: number;
  readonly segments: readonly (readonly [offset: number, length: number])[];
}

export interface SnapshotParts {
  readonly key: string;
  /** Pyodide's table of JavaScript objects, as JSON: to be handed back to it as it is. */
  readonly tables: string;
  readonly codeCache: Buffer;
  readonly memory: Uint8Array;
}

export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

/** An open snapshot whose description is read; the rest is read when it is asked for. */
export class SnapshotFile {
  readonly #description: Description;
  readonly #fd: number;
  readonly #codeStart: number;

  /** Raises SnapshotError if this is no snapshot, and what `open` raises. */
  constructor(path: string) {
    this.#fd = openSync(path, "r");
    const head = this.#read(HEAD_SIZE, 0);
    if (!head.subarray(0, MAGIC.length).equals(MAGIC)) {
      throw new SnapshotError("this is not a snapshot");
    }
    const size = head.readUInt32LE(MAGIC.length);
    this.#description = JSON.parse(this.#read(size, HEAD_SIZE).toString("utf8")) as Description;
    this.#codeStart = HEAD_SIZE + size;
  }

  get key(): string {
    return this.#description.key;
  }

  get tables(): string {
    return this.#description.tables;
  }

  get memorySize(): number {
    return this.#description.memorySize;
  }

  codeCache(): Buffer {
    return this.#read(this.#description.codeSize, this.#codeStart);
  }

  /** Copies the pages straight into the memory of the interpreter; the others are zero there. */
  restore(memory: Uint8Array): void {
    let position = this.#codeStart + this.#description.codeSize;
    let end = 0;
    for (const [offset, length] of this.#description.segments) {
      clear(memory, end, offset);
      if (readSync(this.#fd, memory, offset, length, position) !== length) {
        throw new SnapshotError("the snapshot is cut short");
      }
      position += length;
      end = offset + length;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #read(length: number, position: number): Buffer {
    const buffer = Buffer.allocUnsafeSlow(length);
    if (readSync(this.#fd, buffer, 0, length, position) !== length) {
      throw new SnapshotError("the snapshot is cut short");
    }
    return buffer;
  }
}

/** Writes a snapshot, under its name only once it is complete. */
export function writeSnapshot(path: string, parts: SnapshotParts): void {
  const { key, tables, codeCache, memory } = parts;
  const segments = findSegments(memory);
  const description: Description = {
    key,
    tables,
    codeSize: codeCache.length,
    memorySize: memory.length,
    segments,
  };
  const encoded = Buffer.from(JSON.stringify(description));
  const head = Buffer.alloc(HEAD_SIZE);
  MAGIC.copy(head);
  head.writeUInt32LE(encoded.length, MAGIC.length);
  const temporary = `${path}.${String(process.pid)}.tmp`;
  const fd = openSync(temporary, "w", 0o644);
  const pages = segments.map(([offset, size]) => memory.subarray(offset, offset + size));
  for (const part of [head, encoded, codeCache, ...pages]) {
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

const ZEROS = Buffer.alloc(PAGE);

/** Zeroes what is not zero; a page that was never written stays one that costs nothing. */
function clear(memory: Uint8Array, start: number, end: number): void {
  const bytes = Buffer.from(memory.buffer, memory.byteOffset, memory.length);
  for (let at = start; at < end; at += PAGE) {
    if (bytes.compare(ZEROS, 0, PAGE, at, at + PAGE) !== 0) {
      memory.fill(0, at, at + PAGE);
    }
  }
}
