/** The sandbox host: `node <flags> dist/main.js --snapshot FILE [--fd 3] [--calls 4]`. */

import { parseArgs } from "node:util";
import { version as runtime } from "pyodide";

import { boot } from "./boot.js";
import { describe, endOnUncaught } from "./describe.js";
import { collectGarbage } from "./garbage.js";
import { Sandbox } from "./sandbox.js";

const TIDY_AFTER_MS = 200;

const started = performance.now();
endOnUncaught(70);
const { values } = parseArgs({
  options: {
    snapshot: { type: "string" },
    fd: { type: "string", default: "3" },
    calls: { type: "string", default: "4" },
  },
});

try {
  const booted = await boot(values.snapshot ?? null);
  const sandbox = new Sandbox(booted, Number(values.fd), Number(values.calls));
  sandbox.hello(booted.how, performance.now() - started, runtime);
  // Not before HELLO: it takes longer than a short script, and somebody may be waiting for that.
  setTimeout(collectGarbage, TIDY_AFTER_MS).unref();
} catch (error) {
  process.stderr.write(`the sandbox can't start: ${describe(error)}\n`);
  process.exit(1);
}
