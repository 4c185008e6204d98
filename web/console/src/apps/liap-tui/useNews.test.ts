// What is said when seats change.
import { expect, it } from "vitest";
import type { LiapTuiView, SeatView } from "../../generated/liap-tui";
import { sample } from "./table/sample";
import { news } from "./useNews";

/** Slot 2 belongs to Bo, slot 3 to Cid. */
function table(phase: LiapTuiView["phase"], changes: Partial<Record<2 | 3, Partial<SeatView>>> = {}, rematch: string | null = null): LiapTuiView {
  const view = sample();
  const names: Record<number, Partial<SeatView>> = {
    2: { name: "Bo", principal: "bo", level: null },
    3: { name: "Cid", principal: "cid", level: null },
  };
  const seats = view.seats.map((seat, at) => seat && { ...seat, away: false, host: false, ...names[at + 1], ...changes[(at + 1) as 2 | 3] });
  return { ...view, phase, rematch, seats };
}

it("tells who lost the line and who is back, each of them", () => {
  const playing = table("turn", { 3: { away: true } });
  expect(news(table("turn"), playing, "ana")).toBe("Cid lost the line. A bot plays until they are back.");
  expect(news(playing, table("turn", { 2: { away: true } }), "ana")).toBe(
    "Bo lost the line. A bot plays until they are back. Cid is back.",
  );
  expect(news(table("waiting"), table("waiting", { 2: { away: true } }), "ana")).toBe("Bo lost the line.");
});

it("says nothing of oneself, but for being host", () => {
  expect(news(table("turn"), table("turn", { 2: { away: true } }), "bo")).toBeUndefined();
  expect(news(table("turn"), table("turn", { 2: { host: true } }), "bo")).toBe("You are the host now.");
  expect(news(table("turn"), table("turn", { 2: { host: true } }), "ana")).toBe("Bo is the host now.");
});

it("says that a rematch is open, and nothing where nothing changed", () => {
  expect(news(table("game_over"), table("game_over", {}, "x"), "ana")).toMatch(/^A rematch is open\./);
  expect(news(table("turn"), table("turn_results"), "ana")).toBeUndefined();
});
