/** Caps how far a WebAssembly module's own memory can grow, by rewriting the module. */

const PREAMBLE = 8;
const MEMORY_SECTION = 5;
const HAS_MAXIMUM = 1;
/** Bytes of the maximum, which must keep its length: enough for 65,536 pages. */
const WIDTH = 3;
export const WASM_PAGE = 65536;

export class WasmLimitError extends Error {
  override readonly name = "WasmLimitError";
}

/** Sets the maximum, in pages of 64 KiB, of the one memory the module defines; in place. */
export function limitWasmMemory(module: Uint8Array, pages: number): void {
  for (let at = PREAMBLE; at < module.length; ) {
    const id = module[at] ?? 0;
    const size = readNumber(module, at + 1);
    if (id === MEMORY_SECTION) {
      rewrite(module, size.end, pages);
      return;
    }
    at = size.end + size.value;
  }
  throw new WasmLimitError("the module defines no memory");
}

function rewrite(module: Uint8Array, section: number, pages: number): void {
  const count = readNumber(module, section);
  const flags = module[count.end] ?? 0;
  const minimum = readNumber(module, count.end + 1);
  const maximum = readNumber(module, minimum.end);
  if ((flags & HAS_MAXIMUM) === 0 || maximum.end - minimum.end !== WIDTH) {
    throw new WasmLimitError("the module's memory has no maximum of three bytes");
  }
  if (pages < minimum.value || pages > maximum.value) {
    const range = `${String(minimum.value)} to ${String(maximum.value)}`;
    throw new WasmLimitError(`${String(pages)} pages of memory; possible are ${range}`);
  }
  for (let index = 0; index < WIDTH; index += 1) {
    const more = index < WIDTH - 1 ? 0x80 : 0;
    module[minimum.end + index] = ((pages >>> (7 * index)) & 0x7f) | more;
  }
}

/** An unsigned LEB128 number, and where it ends. */
function readNumber(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let at = start, shift = 0; ; at += 1, shift += 7) {
    const byte = bytes[at];
    if (byte === undefined || shift > 28) {
      throw new WasmLimitError("this is not a WebAssembly module");
    }
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) {
      return { value, end: at + 1 };
    }
  }
}
