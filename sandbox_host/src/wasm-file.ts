/** Changes to Pyodide's WebAssembly module, before it is compiled. */

const PREAMBLE = 8;
const MEMORY_SECTION = 5;
const DATA_SECTION = 11;
const DATA_COUNT_SECTION = 12;
const HAS_MAXIMUM = 1;
const I32_CONST = 0x41;
const END_OF_CODE = 0x0b;
/** Bytes of the maximum, which must keep its length: enough for 65,536 pages. */
const WIDTH = 3;
export const WASM_PAGE = 65536;

export class WasmFileError extends Error {
  override readonly name = "WasmFileError";
}

/** Sets the maximum, in pages of 64 KiB, of the one memory the module defines; in place. */
export function limitWasmMemory(module: Uint8Array, pages: number): void {
  const section = findSection(module, MEMORY_SECTION);
  const count = readNumber(module, section.body);
  const flags = module[count.end] ?? 0;
  const minimum = readNumber(module, count.end + 1);
  const maximum = readNumber(module, minimum.end);
  if ((flags & HAS_MAXIMUM) === 0 || maximum.end - minimum.end !== WIDTH) {
    throw new WasmFileError("the module's memory has no maximum of three bytes");
  }
  if (pages < minimum.value || pages > maximum.value) {
    const range = `${String(minimum.value)} to ${String(maximum.value)}`;
    throw new WasmFileError(`${String(pages)} pages of memory; possible are ${range}`);
  }
  writeNumber(module, minimum.end, maximum.end, pages);
}

/**
 * A module without data, and what its memory then has to begin with: a third of Pyodide's file,
 * which V8 would keep.
 */
export function splitWasm(module: Uint8Array): { code: Uint8Array; data: Uint8Array } {
  const section = findSection(module, DATA_SECTION);
  if (section.end !== module.length) {
    throw new WasmFileError("the module does not end with its data");
  }
  const code = module.slice(0, section.start);
  const count = findSection(code, DATA_COUNT_SECTION);
  writeNumber(code, count.body, count.end, 0);
  return { code, data: imageOf(module, section.body) };
}

/** The segments as they lie in the memory, from its first byte on. */
function imageOf(module: Uint8Array, section: number): Uint8Array {
  const count = readNumber(module, section);
  const segments: { readonly start: number; readonly bytes: Uint8Array }[] = [];
  for (let index = 0, at = count.end; index < count.value; index += 1) {
    const offset = readNumber(module, at + 2);
    const size = readNumber(module, offset.end + 1);
    if (module[at] !== 0 || module[at + 1] !== I32_CONST || module[offset.end] !== END_OF_CODE) {
      throw new WasmFileError("the data has a place that is no constant");
    }
    at = size.end + size.value;
    segments.push({ start: offset.value, bytes: module.subarray(size.end, at) });
  }
  const ends = segments.map(({ start, bytes }) => start + bytes.length);
  const image = new Uint8Array(ends.reduce((one, other) => Math.max(one, other), 0));
  for (const { start, bytes } of segments) {
    image.set(bytes, start);
  }
  return image;
}

interface Section {
  readonly start: number;
  readonly body: number;
  readonly end: number;
}

function findSection(module: Uint8Array, wanted: number): Section {
  for (let start = PREAMBLE; start < module.length; ) {
    const size = readNumber(module, start + 1);
    const end = size.end + size.value;
    if (module[start] === wanted) {
      return { start, body: size.end, end };
    }
    start = end;
  }
  throw new WasmFileError(`the module has no section ${String(wanted)}`);
}

/** An unsigned LEB128 number, and where it ends. */
function readNumber(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let at = start, shift = 0; ; at += 1, shift += 7) {
    const byte = bytes[at];
    if (byte === undefined || shift > 28) {
      throw new WasmFileError("this is not a WebAssembly module");
    }
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) {
      return { value, end: at + 1 };
    }
  }
}

/** Fills all of the place, so that nothing behind it moves. */
function writeNumber(bytes: Uint8Array, start: number, end: number, value: number): void {
  for (let at = start; at < end; at += 1) {
    const more = at < end - 1 ? 0x80 : 0;
    bytes[at] = ((value >>> (7 * (at - start))) & 0x7f) | more;
  }
}
