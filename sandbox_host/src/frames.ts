/** The frames of the link, without any I/O. The reference is docs/link.md. */

export const HEADER_SIZE = 12;
export const MAX_PAYLOAD = 2 * 1024 * 1024;
export const INITIAL_WINDOW = 256 * 1024;

export const FrameType = {
  Hello: 1,
  Bind: 2,
  Bound: 3,
  Invoke: 4,
  Response: 5,
  Data: 6,
  Window: 7,
  Cancel: 8,
  Error: 9,
  Log: 10,
  Check: 11,
  Checked: 12,
  Retire: 13,
  Call: 14,
  Result: 15,
} as const;

export const END = 1;

/** The other side broke the rules of the link. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/**
 * Takes one frame: `buffer[start, end)` is the frame with its header. The buffer is only valid
 * until `feed` returns.
 */
export type FrameSink = (
  type: number,
  flags: number,
  stream: number,
  buffer: Buffer,
  start: number,
  end: number,
) => void;

export function encodeFrame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array,
): Buffer {
  if (payload.length > MAX_PAYLOAD) {
    throw new ProtocolError(`a payload of ${String(payload.length)} bytes is too long`);
  }
  const frame = Buffer.allocUnsafe(HEADER_SIZE + payload.length);
  frame.writeUInt32LE(payload.length, 0);
  frame.writeUInt8(type, 4);
  frame.writeUInt8(flags, 5);
  frame.writeUInt16LE(0, 6);
  frame.writeUInt32LE(stream, 8);
  frame.set(payload, HEADER_SIZE);
  return frame;
}

export function encodeJson(type: number, flags: number, stream: number, value: object): Buffer {
  return encodeFrame(type, flags, stream, Buffer.from(JSON.stringify(value)));
}

export function encodeWindow(stream: number, credit: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32LE(credit);
  return encodeFrame(FrameType.Window, 0, stream, payload);
}

export function encodeLog(
  stream: number,
  level: number,
  source: number,
  microseconds: bigint,
  text: string,
): Buffer {
  const encoded = Buffer.from(text);
  const payload = Buffer.allocUnsafe(10 + encoded.length);
  payload.writeUInt8(level, 0);
  payload.writeUInt8(source, 1);
  payload.writeBigInt64LE(microseconds, 2);
  payload.set(encoded, 10);
  return encodeFrame(FrameType.Log, 0, stream, payload);
}

const EMPTY: Buffer = Buffer.alloc(0);

/** Cuts a byte stream into frames; keeps what is not complete yet. */
export class Decoder {
  #held: Buffer = EMPTY;
  #size = 0;
  readonly #sink: FrameSink;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  feed(chunk: Buffer): void {
    let at = 0;
    while (this.#size > 0 && at < chunk.length) {
      at = this.#complete(chunk, at);
    }
    const rest = this.#cut(chunk, at);
    if (rest < chunk.length) {
      this.#hold(chunk, rest, chunk.length);
    }
  }

  /** Adds bytes to the frame under way, and hands it on when it is complete. */
  #complete(chunk: Buffer, at: number): number {
    const needed =
      this.#size < HEADER_SIZE ? HEADER_SIZE : HEADER_SIZE + payloadLength(this.#held, 0);
    const end = Math.min(chunk.length, at + needed - this.#size);
    this.#hold(chunk, at, end);
    if (this.#size >= HEADER_SIZE) {
      const total = HEADER_SIZE + payloadLength(this.#held, 0);
      if (this.#size === total) {
        const frame = this.#held.subarray(0, total);
        this.#held = EMPTY;
        this.#size = 0;
        this.#cut(frame, 0);
      }
    }
    return end;
  }

  #cut(buffer: Buffer, from: number): number {
    let at = from;
    while (buffer.length - at >= HEADER_SIZE) {
      const end = at + HEADER_SIZE + payloadLength(buffer, at);
      if (end > buffer.length) {
        break;
      }
      this.#sink(
        buffer.readUInt8(at + 4),
        buffer.readUInt8(at + 5),
        buffer.readUInt32LE(at + 8),
        buffer,
        at,
        end,
      );
      at = end;
    }
    return at;
  }

  #hold(chunk: Buffer, start: number, end: number): void {
    const size = this.#size + end - start;
    if (size > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(size, 4096, this.#held.length * 2));
      this.#held.copy(grown, 0, 0, this.#size);
      this.#held = grown;
    }
    chunk.copy(this.#held, this.#size, start, end);
    this.#size = size;
  }
}

function payloadLength(buffer: Buffer, at: number): number {
  const length = buffer.readUInt32LE(at);
  if (length > MAX_PAYLOAD) {
    throw new ProtocolError(`a frame announces ${String(length)} bytes`);
  }
  return length;
}
