// One attempt to get out of the jail: `node attempt.cjs NAME TARGET`. Prints what it got.
// Outside the jail every one of them succeeds; the tests see to that first.
const [name, target] = process.argv.slice(2);
const fs = require("node:fs");
const say = (text) => fs.writeSync(1, `${text}\n`);

const attempts = {
  tcp: () => require("node:net").connect(Number(target), "127.0.0.1").on("connect", done),
  unix: () => require("node:net").connect(target).on("connect", done),
  udp: () =>
    require("node:dgram").createSocket("udp4").send("hello", Number(target), "127.0.0.1", done),
  listen: () => require("node:net").createServer().listen(0, "127.0.0.1", done),
  read: () => say(fs.readFileSync(target, "utf8")),
  list: () => say(fs.readdirSync(target).join()),
  write: () => fs.writeFileSync(target, "written"),
  append: () => fs.appendFileSync(target, "written"),
  truncate: () => fs.truncateSync(target),
  remove: () => fs.unlinkSync(target),
  link: () => fs.symlinkSync("/etc/passwd", target),
  chmod: () => fs.chmodSync(target, 0o777),
  shell: () => say(require("node:child_process").execFileSync("/bin/sh", ["-c", target])),
  node: () => say(require("node:child_process").execFileSync(process.execPath, ["-p", "6 * 7"])),
  kill: () => process.kill(Number(target), "SIGKILL"),
  library: () => process.dlopen({ exports: {} }, target),
  thread: () =>
    new (require("node:worker_threads").Worker)("require('node:worker_threads').parentPort.postMessage(42)", {
      eval: true,
    }).on("message", done),
};

function done(result) {
  if (result instanceof Error) throw result;
  say(typeof result === "number" ? `done ${result}` : "done");
  process.exit(0);
}

process.on("uncaughtException", (error) => {
  say(`no: ${error.code ?? error.message}`);
  process.exit(1);
});
attempts[name]();
