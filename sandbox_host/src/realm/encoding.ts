/** TextEncoder and TextDecoder. */

import { hostCall } from "./host-calls.js";
import type { HostFunctions } from "./host.js";

const ENCODINGS = ["utf-8", "utf8", "utf-16le", "utf-16", "latin1", "ascii", "iso-8859-1"];

export function makeEncoding(host: HostFunctions): object {
  const decode = hostCall(host.decode);
  const utf8Size = hostCall(host.utf8Size);
  const utf8Into = hostCall(host.utf8Into);

  class TextDecoder {
    readonly encoding: string;

    constructor(encoding = "utf-8") {
      this.encoding = encoding.toLowerCase();
      if (!ENCODINGS.includes(this.encoding)) {
        throw new RangeError(`the encoding ${encoding} is not known`);
      }
    }

    decode(data?: ArrayBuffer | ArrayBufferView): string {
      return data === undefined ? "" : decode(this.encoding, bytesOf(data));
    }
  }

  class TextEncoder {
    readonly encoding = "utf-8";

    encode(text = ""): Uint8Array {
      const bytes = new Uint8Array(utf8Size(text));
      utf8Into(text, bytes);
      return bytes;
    }

    encodeInto(text: string, target: Uint8Array): { read: number; written: number } {
      const bytes = bytesOf(target);
      const written = utf8Into(text, bytes);
      const whole = written === utf8Size(text);
      const read = whole ? text.length : decode("utf-8", bytes.subarray(0, written)).length;
      return { read, written };
    }
  }
  return { TextDecoder, TextEncoder };
}

function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
