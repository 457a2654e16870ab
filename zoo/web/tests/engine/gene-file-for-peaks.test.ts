/** A file of genes for a space of open chromatin. */
import { expect, test } from "vitest";
import type { EngineError } from "../../src/engine";
import { LocalEngine } from "../../src/engine/local-engine";
import { packagedFiles } from "./packaged";

test("genes are refused by a space of peaks, and said to be no peaks", async () => {
  const engine = new LocalEngine();
  await engine.openSpace({ files: packagedFiles("bone-marrow-atac") });
  const error: EngineError = await engine.openQuery([new File(["cell,CD3E,MS4A1,LYZ\na,1,0,2\nb,0,3,1\n"], "genes.csv")]).catch((each) => each);
  expect(error.message).toMatch(
    /^the query's features are not named by coordinates \('CD3E', 'MS4A1', 'LYZ'\), but the encoder takes peaks of open chromatin \('chr/,
  );
  expect(error.kind).toBe("genes");
});
