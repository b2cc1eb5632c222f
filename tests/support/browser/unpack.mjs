// Unpacks the browser of @sparticuz/chromium: `node unpack.mjs TARGET`. The package's own code is
// not used, since it unpacks into the system's temporary directory under a fixed name.
import { execFileSync } from "node:child_process";
import { createReadStream, createWriteStream, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

const target = process.argv[2];
const source = join(import.meta.dirname, "node_modules", "@sparticuz", "chromium", "bin");

async function unpack(name, file, mode) {
  mkdirSync(target, { recursive: true });
  const fresh = `${join(target, file)}.new`;
  await pipeline(
    createReadStream(join(source, name)),
    createBrotliDecompress(),
    createWriteStream(fresh, { mode }),
  );
  renameSync(fresh, join(target, file));
}

for (const part of ["al2023", "fonts", "swiftshader"]) {
  await unpack(`${part}.tar.br`, `${part}.tar`, 0o644);
  execFileSync("tar", ["-xf", join(target, `${part}.tar`), "-C", target]);
}
await unpack("chromium.br", "chromium", 0o755);
