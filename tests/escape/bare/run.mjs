// The bare runner: stock Pyodide in plain Node.js, as a careless platform would use it.
//
//   node run.mjs PYODIDE SNAPSHOT          take jobs from descriptor 3, say what came of each
//   node run.mjs PYODIDE SNAPSHOT --make   write that snapshot (of stock Pyodide) instead
//
// An empty line says that it has booted. A job is a line of JSON: {"script": "...", "job": "..."}. Its answer is a line `said "..."`;
// whatever else comes on descriptor 3 is an attacker's.
import { read, readFileSync, writeFileSync, writeSync } from "node:fs";
import { promisify } from "node:util";

const LINK = 3;
const MOST = 20_000; // characters of an answer
const [directory, snapshot, make] = process.argv.slice(2);
const { loadPyodide } = await import(`${directory}/pyodide.mjs`);

if (make) {
  const python = await loadPyodide({ _makeSnapshot: true });
  writeFileSync(snapshot, python.makeMemorySnapshot());
  process.exit(0);
}

const python = await loadPyodide({ _loadSnapshot: readFileSync(snapshot) });
python.FS.writeFile("pic.py", readFileSync(new URL("pic.py", import.meta.url)));
python.runPython("import sys; sys.path.append('.')");
writeSync(LINK, "\n");
for await (const line of lines()) {
  const { script, job } = JSON.parse(line);
  let said;
  try {
    const globals = python.globals.get("dict")();
    globals.set("_job", job);
    said = await python.runPythonAsync(`${script}\nawait _run(_job)`, { globals });
  } catch (error) {
    said = `failed: ${error}`;
  }
  writeSync(LINK, `\nsaid ${JSON.stringify(String(said).slice(0, MOST))}\n`);
}

async function* lines() {
  const readMore = promisify(read);
  const buffer = Buffer.alloc(65536);
  let text = "";
  for (;;) {
    const { bytesRead } = await readMore(LINK, buffer, 0, buffer.length, null);
    if (bytesRead === 0) process.exit(0);
    text += buffer.toString("utf8", 0, bytesRead);
    const parts = text.split("\n");
    text = parts.pop();
    yield* parts;
  }
}
