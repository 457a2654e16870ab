// Build the page and write it where Python finds it, with the sha256 of every source and of every file of the page.
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { build } from "vite";

const page = process.argv[2] ?? "../smile_zoo/web/page";
const sources = ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "write-page.mjs", "src"];

for (const mode of ["production", "single"]) {
  await build({ mode, logLevel: "warn" });
}
rmSync(page, { recursive: true, force: true });
cpSync("dist/site", page, { recursive: true });
cpSync("dist/single/index.html", join(page, "single.html"));
const hashes = { sources: hashesOf(sources.flatMap(filesIn), "."), page: hashesOf(filesIn(page), page) };
writeFileSync(join(page, "sources.json"), `${JSON.stringify(hashes, null, 1)}\n`);

function filesIn(path) {
  if (statSync(path).isFile()) return [path];
  const names = readdirSync(path, { recursive: true, withFileTypes: true });
  return names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

function hashesOf(files, root) {
  const names = files.map((file) => [relative(root, file).split(sep).join("/"), file]).sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = (file) => createHash("sha256").update(readFileSync(file)).digest("hex");
  return Object.fromEntries(names.map(([name, file]) => [name, hash(file)]));
}
