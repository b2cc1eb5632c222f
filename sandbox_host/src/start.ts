/**
 * The sandbox host's program, from which the build makes one file, `dist/main.js`:
 * `node <flags> dist/main.js [--snapshot FILE] [--memory-mb N] [--loader own|stock] [--fd 3] [--calls 4]`
 */

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { type Loader, boot } from "./boot.js";
import { loadBuiltins } from "./builtins.js";
import { describe, endOnUncaught } from "./describe.js";
import { paths } from "./paths.js";
import { Sandbox } from "./sandbox.js";

const SETTLES_AFTER_MS = 200;
const MEGABYTE = 1024 * 1024;

function loaderOf(name: string): Loader {
  if (name !== "own" && name !== "stock") {
    throw new Error(`--loader is ${name}; possible are own and stock`);
  }
  return name;
}

function runtimeVersion(): string {
  const text = readFileSync(paths.pyodidePackage, "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

async function start(): Promise<void> {
  const { values } = parseArgs({
    options: {
      snapshot: { type: "string" },
      "memory-mb": { type: "string" },
      loader: { type: "string", default: "own" },
      fd: { type: "string", default: "3" },
      calls: { type: "string", default: "4" },
    },
  });
  const started = performance.now();
  const limit = values["memory-mb"];
  const booting = boot({
    loader: loaderOf(values.loader),
    snapshot: values.snapshot ?? null,
    memoryMax: limit === undefined ? null : Number(limit) * MEGABYTE,
  });
  loadBuiltins();
  const booted = await booting;
  const sandbox = new Sandbox(booted, Number(values.fd), Number(values.calls));
  sandbox.hello(booted.how, performance.now() - started, runtimeVersion());
  // Not before HELLO: it takes longer than a short script, and somebody may be waiting for that.
  setTimeout(() => {
    sandbox.settleDown();
  }, SETTLES_AFTER_MS).unref();
}

endOnUncaught(70);
start().catch((error: unknown) => {
  process.stderr.write(`the sandbox can't start: ${describe(error)}\n`);
  process.exit(1);
});
