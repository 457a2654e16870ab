import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync } from "fflate";
import { build, type Plugin, type UserConfig } from "vite";

/**
 * Two builds of one page: a static site (`vite build`), and with `--mode single` one file in which worker, styles and
 * scripts are inlined, and to which Python adds a space.
 */
export default function config({ mode }: { mode: string }): UserConfig {
  const single = mode === "single";
  return {
    base: "./",
    publicDir: false,
    resolve: single ? { alias: [{ find: "./site-worker", replacement: "./packed-worker" }] } : {},
    worker: { format: "es" },
    build: {
      outDir: single ? "dist/single" : "dist/site",
      target: "es2022",
      assetsInlineLimit: 0,
      modulePreload: false,
      cssCodeSplit: false,
      reportCompressedSize: false,
      chunkSizeWarningLimit: 6000,
    },
    plugins: single ? [packedWorker(), singleFile()] : [contentSecurityPolicy(), onnxRuntime()],
  };
}

const SITE_SOURCES = { scripts: "'self'", styles: "'self'", workers: "'self' blob:", requests: "'self'" };

/**
 * Sources of content by directive. Everything else is forbidden, and with it every request to another computer.
 * regl compiles its drawing commands from text, hence 'unsafe-eval'; workers start from blob: URLs, so that they inherit
 * the policy, whatever headers a server sends.
 */
function policy({ scripts, styles, workers, requests }: Record<string, string>): string {
  return [
    "default-src 'none'",
    `script-src ${scripts} blob: 'unsafe-eval' 'wasm-unsafe-eval'`,
    `worker-src ${workers}`,
    `style-src ${styles}`,
    `connect-src ${requests}`,
    "img-src blob: data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}

function contentSecurityPolicy(): Plugin {
  const attrs = { "http-equiv": "Content-Security-Policy", content: policy(SITE_SOURCES) };
  return {
    name: "content-security-policy",
    apply: "build",
    transformIndexHtml: () => [{ tag: "meta", attrs, injectTo: "head-prepend" }],
  };
}

/** Add onnxruntime-web to the site; its 14 MB of WebAssembly are compressed, and Python serves them as they were. */
function onnxRuntime(): Plugin {
  const read = (name: string) => readFileSync(new URL(`node_modules/onnxruntime-web/dist/${name}`, import.meta.url));
  const wasm = "ort-wasm-simd-threaded.wasm";
  return {
    name: "onnx-runtime",
    apply: "build",
    generateBundle() {
      for (const name of ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs"]) {
        this.emitFile({ type: "asset", fileName: `ort/${name}`, source: read(name) });
      }
      this.emitFile({ type: "asset", fileName: `ort/${wasm}.gz`, source: packed(read(wasm)) });
    },
  };
}

/** Build the worker as one script, and offer it compressed as `virtual:packed-worker`. */
function packedWorker(): Plugin {
  const name = "virtual:packed-worker";
  return {
    name: "packed-worker",
    resolveId: (id) => (id === name ? `\0${name}` : null),
    async load(id) {
      if (id !== `\0${name}`) return null;
      const built = await build({
        configFile: false,
        logLevel: "warn",
        build: {
          write: false,
          target: "es2022",
          lib: { entry: "src/engine/worker.ts", formats: ["iife"], name: "worker" },
          rolldownOptions: { output: { codeSplitting: false } },
        },
      });
      const [output] = Array.isArray(built) ? built : [built];
      if (!("output" in output)) throw new Error("the worker was not built");
      return `export default "${Buffer.from(packed(Buffer.from(output.output[0].code))).toString("base64")}";`;
    },
  };
}

/** Compress with fflate, which gives the same bytes on every machine. */
function packed(content: Uint8Array): Uint8Array {
  return gzipSync(new Uint8Array(content), { level: 9, mtime: 0 });
}

/** Move the script and the styles into the page, and state their hashes in its policy. */
function singleFile(): Plugin {
  return {
    name: "single-file",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      const page = Object.values(bundle).find((file) => file.fileName.endsWith(".html"));
      const script = Object.values(bundle).find((file) => file.type === "chunk");
      const styles = Object.values(bundle).find((file) => file.fileName.endsWith(".css"));
      if (page?.type !== "asset" || script?.type !== "chunk" || styles?.type !== "asset") {
        throw new Error(`expected a page, a script and styles, got ${Object.keys(bundle).join(", ")}`);
      }
      const code = script.code.replaceAll("</script", "<\\/script");
      const css = String(styles.source);
      const forbidden = policy({ scripts: hash(code), styles: hash(css), workers: "blob:", requests: "'none'" });
      page.source = String(page.source)
        .replace(/<script type="module"[^>]*><\/script>/, "")
        .replace(/<link rel="stylesheet"[^>]*>/, () => `<style>${css}</style>`)
        .replace("<head>", () => `<head>\n<meta http-equiv="Content-Security-Policy" content="${forbidden}">`)
        .replace("</body>", () => `<!-- space -->\n<script type="module">${code}</script>\n</body>`);
      for (const file of [script, styles]) {
        delete bundle[file.fileName];
      }
    },
  };
}

function hash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
