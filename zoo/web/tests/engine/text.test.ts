import { expect, test } from "vitest";
import { examples, general, grouped, percent, quoted } from "../../src/engine/text";

test.each([
  [1597, "1,597"],
  [7.2406, "7.241"],
  [2, "2"],
  [13086, "1.309e+04"],
  [0.00001234, "1.234e-05"],
  [0, "0"],
])("%f with four digits: %s", (value, text) => expect(general(value)).toBe(text));

test("numbers, shares and names, as Python writes them", () => {
  expect(grouped(1234567)).toBe("1,234,567");
  expect(percent(0.0655, 1)).toBe("6.6%");
  expect(quoted("it's")).toBe(`"it's"`);
  expect(quoted("a\\b")).toBe("'a\\\\b'");
  expect(examples(["a", "b", "c", "d"])).toBe("'a', 'b', 'c'");
});
