// Build the page and write it where Python finds it, with the licenses of the packages in it, and the sha256 of every
// source and of every file of the page.
import { createHash } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { build } from "vite";

const page = process.argv[2] ?? "../smile_zoo/web/page";
const sources = ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "write-page.mjs", "src"];

for (const mode of ["production", "single"]) {
  await build({ mode, logLevel: "warn" });
}
rmSync(page, { recursive: true, force: true });
cpSync("dist/site", page, { recursive: true });
const texts = licenses();
writeFileSync(join(page, "licenses.txt"), texts);
const single = readFileSync("dist/single/index.html", "utf8");
const script = `<script type="text/plain" id="licenses">${texts.replaceAll("<", "&lt;")}</script>\n`;
writeFileSync(join(page, "single.html"), single.replace("<!-- space -->", (mark) => `${script}${mark}`));
const hashes = { sources: hashesOf(sources.flatMap(filesIn), "."), page: hashesOf(filesIn(page), page) };
writeFileSync(join(page, "sources.json"), `${JSON.stringify(hashes, null, 1)}\n`);

// Return name, version, license and its text of every package that may be part of the page.
function licenses() {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
  const used = Object.entries(packages).filter(([path, { dev }]) => path !== "" && !dev && existsSync(path));
  const parts = used.map(([path, { version, license }]) => {
    const files = readdirSync(path).filter((name) => /^licen[cs]e/i.test(name)).sort();
    const text = files.map((name) => readFileSync(join(path, name), "utf8").trim()).join("\n\n");
    return `${path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length)} ${version} (${license})\n\n${text}`;
  });
  return `${parts.map((part) => part.trim()).join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

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
