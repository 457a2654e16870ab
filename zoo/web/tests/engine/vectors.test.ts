import { expect, test } from "vitest";
import { GeneTables } from "../../src/engine/features/gene-aliases";
import { prepareQuery } from "../../src/engine/projection/encoder-query";
import { projectAll } from "../../src/engine/projection/projection";
import { Space } from "../../src/engine/space/space";
import { packagedFiles, spaceNames } from "./packaged";
import { type Expected, readVector, vectorNames } from "./vectors";

const opened = new Map<string, Promise<[Space, GeneTables]>>();

async function open(name: string): Promise<[Space, GeneTables]> {
  const files = packagedFiles(name);
  return [await Space.open({ files }), new GeneTables({ files })];
}

const once = (name: string): Promise<[Space, GeneTables]> => {
  if (!opened.has(name)) opened.set(name, open(name));
  return opened.get(name)!;
};

const largestDifference = (found: Float32Array, expected: Float32Array): number => {
  expect(found.length).toBe(expected.length);
  return found.reduce((most, value, at) => Math.max(most, Math.abs(value - expected[at])), 0);
};

test("each packaged space has a vector", () => {
  expect(vectorNames().filter((name) => !name.startsWith("case-"))).toEqual(spaceNames());
});

test.each(vectorNames())("%s: the same as in Python", async (name) => {
  const { space: spaceName, query, expected } = readVector(name);
  const [space, tables] = await once(spaceName);
  const project = async () => {
    const prepared = await prepareQuery(space, query, tables, {});
    return [
      prepared,
      await projectAll(
        space,
        prepared,
        () => {},
        () => false,
      ),
    ] as const;
  };
  if ("error" in expected) {
    await expect(project()).rejects.toThrow(expected.error);
    return;
  }
  const [prepared, projection] = await project();
  expect(prepared.interpretation.kind).toBe(expected.values);
  expect(prepared.match.report.nMatched).toBe(expected.matched);
  expect(prepared.match.report.weight).toBeCloseTo(expected.weight, 6);
  expect(projection.expectedAccuracy).toContain(`expect an accuracy of about ${expected.accuracy.toFixed(2)} on`);
  expectSame(projection, expected);
});

function expectSame(found: Awaited<ReturnType<typeof projectAll>>, expected: Expected): void {
  expect(largestDifference(found.embedding, expected.embedding)).toBeLessThan(1e-5);
  expect(largestDifference(found.similarity, expected.similarity)).toBeLessThan(1e-4);
  expect(largestDifference(found.map, expected.map)).toBeLessThan(1e-3);
  expect(Object.keys(found.columns)).toEqual(Object.keys(expected.columns));
  for (const [name, { labels, nearest, confidence }] of Object.entries(expected.columns)) {
    expect(found.columns[name].labels).toEqual(labels);
    expect(found.columns[name].nearest).toEqual(nearest);
    expect(largestDifference(found.columns[name].confidence, confidence)).toBeLessThan(1e-4);
  }
}
