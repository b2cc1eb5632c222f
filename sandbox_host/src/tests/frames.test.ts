import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Decoder, HEADER_SIZE, MAX_PAYLOAD, ProtocolError, encodeFrame } from "../frames.js";
import { paths } from "../paths.js";

interface Vectors {
  readonly frames: readonly {
    readonly name: string;
    readonly type: number;
    readonly flags: number;
    readonly stream: number;
    readonly payload: string;
    readonly frame: string;
  }[];
  readonly refused: readonly { readonly name: string; readonly bytes: string }[];
}

const vectors = JSON.parse(
  readFileSync(join(paths.packageDir, "..", "tests", "vectors", "link.json"), "utf8"),
) as Vectors;

function decode(chunks: readonly Buffer[]): string[] {
  const seen: string[] = [];
  const decoder = new Decoder((type, flags, stream, buffer, start, end) => {
    const payload = buffer.toString("hex", start + HEADER_SIZE, end);
    seen.push([type, flags, stream, payload].join(" "));
  });
  for (const chunk of chunks) {
    decoder.feed(chunk);
  }
  return seen;
}

const expected = vectors.frames.map((v) => [v.type, v.flags, v.stream, v.payload].join(" "));
const bytes = Buffer.from(vectors.frames.map((v) => v.frame).join(""), "hex");

test("the golden frames are written", () => {
  for (const v of vectors.frames) {
    const frame = encodeFrame(v.type, v.flags, v.stream, Buffer.from(v.payload, "hex"));
    assert.equal(frame.toString("hex"), v.frame, v.name);
  }
});

test("the golden frames are read", () => {
  assert.deepEqual(decode([bytes]), expected);
});

test("frames survive being cut anywhere", () => {
  for (let size = 1; size < 400; size += 1) {
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      chunks.push(Buffer.from(bytes.subarray(at, at + size)));
    }
    assert.deepEqual(decode(chunks), expected, `chunks of ${String(size)}`);
  }
});

test("a frame stays as it is until feed returns, although the buffer is used again", () => {
  const held: { buffer: Buffer; start: number; end: number }[] = [];
  const seen: string[] = [];
  const decoder = new Decoder((_type, _flags, _stream, buffer, start, end) => {
    held.push({ buffer, start, end });
  });
  const chunk = Buffer.alloc(100);
  for (let at = 0; at < bytes.length; at += chunk.length) {
    const size = bytes.copy(chunk, 0, at);
    decoder.feed(chunk.subarray(0, size));
    seen.push(...held.map((f) => f.buffer.toString("hex", f.start, f.end)));
    held.length = 0;
  }
  assert.deepEqual(
    seen,
    vectors.frames.map((v) => v.frame),
  );
});

test("what is too long is refused before it is there", () => {
  for (const fault of vectors.refused) {
    assert.throws(() => decode([Buffer.from(fault.bytes, "hex")]), ProtocolError, fault.name);
  }
  assert.throws(() => encodeFrame(6, 0, 1, Buffer.alloc(MAX_PAYLOAD + 1)), ProtocolError);
});
