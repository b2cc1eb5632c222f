// Bundles the playground into dist/: index.html, and under assets/ files named by their content.
// Workers are built first, because the page has to know their names.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";

const BASE = "/graphql/assets";
const OUT = "dist";

const shared = {
  bundle: true,
  minify: true,
  metafile: true,
  legalComments: "none",
  outdir: path.join(OUT, "assets"),
  entryNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  target: "es2022",
  logLevel: "warning",
  define: { "process.env.NODE_ENV": '"production"' },
};

function outputs(metafile) {
  return Object.entries(metafile.outputs).map(([file, output]) => ({
    url: `${BASE}/${path.basename(file)}`,
    entry: output.entryPoint ?? "",
    css: output.cssBundle ? `${BASE}/${path.basename(output.cssBundle)}` : undefined,
  }));
}

function find(built, part) {
  const found = built.find((output) => output.entry.includes(part));
  if (!found) throw new Error(`nothing was built from ${part}`);
  return found;
}

await rm(OUT, { recursive: true, force: true });
await mkdir(OUT, { recursive: true });

const workers = await build({
  ...shared,
  format: "iife",
  entryPoints: {
    "editor-worker": "monaco-editor/esm/vs/editor/editor.worker.js",
    "json-worker": "monaco-editor/esm/vs/language/json/json.worker.js",
    "graphql-worker": "monaco-graphql/esm/graphql.worker.js",
  },
});
const built = outputs(workers.metafile);

const page = await build({
  ...shared,
  format: "esm",
  splitting: true,
  chunkNames: "chunk-[hash]",
  jsx: "automatic",
  entryPoints: { playground: "src/main.tsx" },
  loader: { ".ttf": "file", ".svg": "file" },
  define: {
    ...shared.define,
    WORKERS: JSON.stringify({
      editor: find(built, "editor.worker").url,
      json: find(built, "json.worker").url,
      graphql: find(built, "graphql.worker").url,
    }),
  },
});
const main = find(outputs(page.metafile), "main.tsx");

const template = await readFile("src/index.html", "utf8");
await writeFile(
  path.join(OUT, "index.html"),
  template.replace("%SCRIPT%", main.url).replace("%STYLE%", main.css ?? ""),
);
