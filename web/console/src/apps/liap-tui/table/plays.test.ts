// The page agrees with the rules about every choice of pieces that the deck allows: docs/fixtures/liap-tui-plays.json.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import type { Piece, PlayKind } from "../../../generated/liap-tui";
import { copiesOf, PIECES, points, spoken } from "./pieces";
import { called, joining, PLAY_PIECES_MAX, setOf } from "./plays";

interface Golden {
  choices: number;
  sets: [PlayKind, number, Piece[]][];
}
const golden = JSON.parse(readFileSync(resolve("../../docs/fixtures/liap-tui-plays.json"), "utf8")) as Golden;

/** All choices of at most so many pieces, each once, lowest piece first. */
function choices(from: number, most: number): Piece[][] {
  const piece = PIECES[from];
  if (!piece) return [[]];
  const counts = Array.from({ length: Math.min(copiesOf(piece), most) + 1 }, (_, count) => count);
  return counts.flatMap((count) =>
    choices(from + 1, most - count).map((rest) => [...Array<Piece>(count).fill(piece), ...rest]),
  );
}

const hand = (...worth: number[]): Piece[] => worth.map((it) => PIECES[it - 1]!);

describe("the sets", () => {
  it("are those of the rules, and no others", () => {
    const all = choices(0, PLAY_PIECES_MAX);
    expect(all).toHaveLength(golden.choices);
    const sets = all.flatMap((pieces) => {
      const set = setOf(pieces);
      return set ? [[set.kind, set.strength, pieces]] : [];
    });
    expect(sets).toEqual(golden.sets);
    expect(new Set(golden.sets.map(([kind]) => kind)).size).toBe(9);
  });

  it("do not depend on the order of pieces", () => {
    for (const [kind, strength, pieces] of golden.sets) expect(setOf([...pieces].reverse())).toEqual({ kind, strength });
  });

  it("have names", () => {
    const names = [hand(8), hand(8, 8), hand(1, 1, 1), hand(2, 2, 2, 2, 2), hand(7, 7, 5, 3), hand(8, 8, 6, 6, 4, 4)];
    expect(names.map((pieces) => called(pieces, setOf(pieces)!.kind))).toEqual([
      "Chariot",
      "Pair of chariots",
      "Three soldiers",
      "Five soldiers",
      "Extended straight",
      "Double straight",
    ]);
  });
});

describe("pieces", () => {
  it("are 32, worth 192 points", () => {
    expect(PIECES.reduce((sum, piece) => sum + copiesOf(piece), 0)).toBe(32);
    expect(PIECES.reduce((sum, piece) => sum + copiesOf(piece) * points(piece), 0)).toBe(192);
  });

  it("have spoken names", () =>
    expect(hand(14, 8, 1).map(spoken)).toEqual(["General, red, 14 points", "Chariot, red, 8 points", "Soldier, black, 1 point"]));
});

describe("what can join a leader's choice", () => {
  const held = hand(14, 12, 10, 8, 8, 5, 1, 1);
  const joins = (...chosen: number[]) => [...joining(held, new Set(chosen))];

  it("is whatever makes a set with it, now or later", () => {
    expect(joins()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(joins(0)).toEqual([1, 2]);
    expect(joins(3)).toEqual([4]);
    expect(joins(5)).toEqual([]);
    expect(joins(0, 5)).toEqual([]);
    expect([...joining(hand(8, 8, 6, 6, 4, 4, 2, 1), new Set([0, 1]))]).toEqual([2, 3, 4, 5]);
  });
});
