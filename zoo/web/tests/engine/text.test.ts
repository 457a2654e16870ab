import { expect, test } from "vitest";
import { counted, examples, general, grouped, percent, quoted } from "../../src/engine/text";

test.each([
  [1597, "1,597"],
  [7.2406, "7.241"],
  [2, "2"],
  [13086, "1.309e+04"],
  [0.00001234, "1.234e-05"],
  [0, "0"],
])("%f with four digits: %s", (value, text) => expect(general(value)).toBe(text));

test("nouns and verbs agree with their number", () => {
  expect([counted(1, "value", "are"), counted(1200, "value", "are")]).toEqual(["1 value is", "1,200 values are"]);
  expect([counted(1, "cell", "hold", 300), counted(0, "cell", "have", 1)]).toEqual(["1 of 300 cells holds", "0 of 1 cell have"]);
});

test("numbers, shares and names, as Python writes them", () => {
  expect(grouped(1234567)).toBe("1,234,567");
  expect(percent(0.0655, 1)).toBe("6.6%");
  expect([0, 1 / 2322, 0.0005, 2321 / 2322, 1 - 1e-9].map((share) => percent(share, 1))).toEqual(
    ["0.0%", "<0.1%", "0.1%", ">99.9%", "100.0%"],
  );
  expect([0.004, 0.4, 0.996].map((share) => percent(share))).toEqual(["<1%", "40%", ">99%"]);
  expect(quoted("it's")).toBe(`"it's"`);
  expect(quoted("a\\b")).toBe("'a\\\\b'");
  expect(examples(["a", "b", "c", "d"])).toBe("'a', 'b', 'c'");
});
