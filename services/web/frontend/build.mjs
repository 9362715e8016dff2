// Builds services/web/static/dist from src/: hashed names, manifest.json (logical name → file name),
// and .gz and .br beside each file, so that the web service only ever sends bytes that are ready.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "..", "static", "dist");
const work = `${dist}.new`;
const hashOf = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 10);

/** One SVG file of the icons named in icons.json, each a <symbol> that <use href="…#name"> draws. */
async function sprite() {
  const names = JSON.parse(await readFile(join(here, "icons.json"), "utf8"));
  const symbols = [];
  for (const name of names) {
    const svg = await readFile(join(here, "node_modules", "lucide-static", "icons", `${name}.svg`), "utf8");
    const body = svg.replace(/^[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>\s*$/, "");
    symbols.push(`<symbol id="${name}" viewBox="0 0 24 24">${body.replace(/\s*\n\s*/g, "").replace(/ \/>/g, "/>")}</symbol>`);
  }
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`;
}

await rm(work, { recursive: true, force: true });
await mkdir(work, { recursive: true });

const result = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/app.ts", stop: "src/stop.ts", style: "src/css/index.css" },
  outdir: work,
  entryNames: "[name]-[hash]",
  bundle: true,
  format: "esm",
  splitting: true, // what is loaded later is in files of its own
  chunkNames: "[name]-[hash]",
  minify: true,
  legalComments: "eof",
  target: ["es2022", "chrome123", "firefox121", "safari17.5"],
  metafile: true,
  logLevel: "warning",
});

const manifest = {};
for (const [path, output] of Object.entries(result.metafile.outputs)) {
  if (!output.entryPoint) continue;
  const logical = { "src/app.ts": "app.js", "src/stop.ts": "stop.js", "src/css/index.css": "style.css" }[output.entryPoint];
  if (!logical) continue; // loaded by another script
  manifest[logical] = basename(path);
}
const icons = await sprite();
manifest["icons.svg"] = `icons-${hashOf(icons)}.svg`;
await writeFile(join(work, manifest["icons.svg"]), icons);
await writeFile(join(work, "manifest.json"), JSON.stringify(manifest, null, 2) + "\n");

let total = 0;
for (const name of (await readdir(work)).sort()) {
  if (name === "manifest.json") continue;
  const bytes = await readFile(join(work, name));
  const gz = gzipSync(bytes, { level: 9 });
  await writeFile(join(work, `${name}.gz`), gz);
  const br = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
  await writeFile(join(work, `${name}.br`), br);
  total += gz.length;
  console.log(`${name}\t${bytes.length} bytes\t${gz.length} gz\t${br.length} br`);
}
console.log(`all\t${total} gz`);

// Readers that hold an old manifest find their files gone only for the moment between these two calls.
await rm(dist, { recursive: true, force: true });
await rename(work, dist);
