import { describe, expect, it } from "vitest";
import { commitsBetween, comparePositions, isPosition, placeOf, START } from "../src/position.js";
import { pos } from "./support/script.js";

describe("a position", () => {
  it("compares by epoch, then seq", () => {
    const sorted = [START, pos(9), pos(10), pos(1, 2), pos(2, 2), pos(1, 10)];
    expect([...sorted].reverse().sort(comparePositions)).toEqual(sorted);
  });
  it("counts commits only within one epoch", () => {
    expect([commitsBetween(pos(3), pos(7)), commitsBetween(pos(7), pos(3)), commitsBetween(pos(3), pos(7, 2))]).toEqual([4, 0, null]);
  });
  it("has one form", () => {
    expect(placeOf("1:412:9f86d081884c7d65")).toEqual({ epoch: 1, seq: 412 });
    for (const text of ["", "1:2", "1:2:3", "1:-2:9f86d081884c7d65", "1:2:9F86D081884C7D65"]) expect(isPosition(text)).toBe(false);
    expect(() => placeOf("start")).toThrow(TypeError);
  });
});
