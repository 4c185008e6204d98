// What rows of tables say, what is found for somebody who wants to play, and what is heard of chat.
import { describe, expect, it } from "vitest";
import type { Row } from "../../sdk";
import { wordsOf } from "./Chat";
import { hex } from "./Ending";
import { inOrder, isAtRest, isJoinable, quickMatch, rowWords, verbOf } from "./tables";

const row = (id: string, changes: Partial<Row> = {}): Row => ({
  kind: "liap-tui",
  id,
  title: id,
  status: "waiting",
  members: ["ana"],
  position: "1:1:0000000000000000",
  updated_at: 1,
  created_at: 1,
  awake: true,
  sort: 0,
  ...changes,
});

describe("quick match", () => {
  it("takes the fullest table that waits, has room and is not one's own", () => {
    const rows = [
      row("full", { members: ["a", "b", "c", "d"] }),
      row("playing", { status: "playing", members: ["a", "b", "c"] }),
      row("mine", { members: ["me", "b", "c"] }),
      row("one"),
      row("two", { members: ["a", "b"] }),
      row("bots", { members: [] }),
    ];
    expect(quickMatch(rows, "me")?.id).toBe("two");
    expect(quickMatch([...rows, row("quiet", { awake: false, members: ["a", "b", "c"] })], "me")?.id).toBe("quiet");
    expect(quickMatch([row("bots", { members: [] })], "me")).toBeUndefined();
  });
});

describe("rows", () => {
  it("come with open ones first", () => {
    const rows = [row("over", { status: "over" }), row("playing", { status: "playing" }), row("full", { members: ["a", "b", "c", "d"] }), row("open")];
    expect(inOrder(rows).map(({ id }) => id)).toEqual(["open", "full", "playing", "over"]);
    expect(rows.map(isJoinable)).toEqual([false, false, false, true]);
  });
  it("name the way in", () => {
    const quiet = { awake: false };
    expect(verbOf(row("a"), "me")).toBe("Join");
    expect(verbOf(row("a", quiet), "me")).toBe("Join");
    expect(isAtRest(row("a", quiet))).toBe(false);
    expect(verbOf(row("a", { members: ["a", "b", "c", "d"] }), "me")).toBe("Watch");
    expect(verbOf(row("a", { status: "playing" }), "ana")).toBe("Return");
    expect(verbOf(row("a", { status: "playing", ...quiet }), "ana")).toBe("Wake");
    expect(verbOf(row("a", { status: "over", ...quiet }), "ana")).toBe("Look");
  });
  it("say how it stands", () => {
    expect(rowWords(row("a"))).toBe("waiting, one person");
    expect(rowWords(row("a", { status: "playing", members: [], private: true }))).toBe("playing, bots only, private");
  });
});

it("hears short texts and known reactions, and nothing else", () => {
  const heard = (signal: unknown) => wordsOf({ signal });
  expect(heard({ chat: " Hello " })).toBe("Hello");
  expect(heard({ chat: "x".repeat(500) })).toHaveLength(200);
  expect(heard({ reaction: "Nice" })).toBe("Nice");
  for (const noise of [{ chat: "  " }, { chat: 7 }, { reaction: "<b>" }, { typing: true }, "text", null]) expect(heard(noise)).toBeUndefined();
});

it("writes a seed as the command line takes it", () => {
  expect(hex([0, 10, 255])).toBe("000aff");
});
