import { describe, expect, it } from "vitest";
import { readInfo, type Row } from "../../sdk";
import { heroLines } from "./hero";
import { buckets, night, WIDTH } from "./night";
import { asleep, awake, fallen, memberWords, merge, nowWords, parseCode } from "./rooms";

const BUCKET = 600_000;
const NOW = 2_000_000 * BUCKET + 1234;

const row = (id: string, more: Partial<Row> = {}): Row => ({
  kind: "todo",
  id,
  title: id,
  status: "open",
  members: [],
  sort: 0,
  position: "1:1:0000000000000000",
  updated_at: 0,
  created_at: 0,
  awake: false,
  ...more,
});

describe("the sentence", () => {
  it.each([
    [5, 1284, ["Five rooms are awake.", "1,284 are asleep."]],
    [1, 1, ["One room is awake.", "One is asleep."]],
    [13, 7, ["13 rooms are awake.", "Seven are asleep."]],
    [0, 0, ["No rooms yet.", "All is quiet."]],
    [0, 3, ["Every room is asleep.", "All 3 of them."]],
    [0, 1, ["Every room is asleep.", "There is one."]],
    [1, 0, ["One room is awake.", "It has the house to itself."]],
    [4, 0, ["Four rooms are awake.", "None are asleep."]],
  ])("%i awake, %i asleep", (live, sleeping, lines) => expect(heroLines(live, sleeping)).toEqual(lines));
});

describe("the night", () => {
  it("puts each count into its ten minutes, and leaves out what is older than a day", () => {
    const counts = buckets(
      [
        { at: NOW, commits: 3 },
        { at: NOW - BUCKET, commits: 2 },
        { at: NOW - 143 * BUCKET, commits: 1 },
        { at: NOW - 144 * BUCKET, commits: 9 },
      ],
      NOW,
    );
    expect(counts).toHaveLength(144);
    expect([counts[143], counts[142], counts[0]]).toEqual([3, 2, 1]);
    expect(counts.reduce((a, b) => a + b)).toBe(6);
  });

  it("lets the dormouse sleep on the longest quiet stretch", () => {
    const activity = Array.from({ length: 144 }, (_, i) => ({
      at: NOW - (143 - i) * BUCKET,
      commits: i >= 50 && i < 100 ? 0 : 5,
    }));
    const { mouse, quiet, naps } = night(activity, NOW);
    expect(naps).toHaveLength(1);
    const middle = (75 / 144) * WIDTH;
    expect(mouse!.x + mouse!.size / 2).toBeCloseTo(middle);
    expect(quiet!.words).toMatch(/^\d\d:\d\d to \d\d:\d\d, all asleep$/);
  });

  it("has no place for it when nothing slept", () => {
    const busy = Array.from({ length: 144 }, (_, i) => ({ at: NOW - i * BUCKET, commits: 1 }));
    expect(night(busy, NOW)).toMatchObject({
      mouse: undefined,
      quiet: undefined,
      naps: [],
      says: "The last 24 hours: busy all through.",
    });
  });

  it("is one long sleep on a new host", () => {
    const { mouse, quiet, bars } = night([], NOW);
    expect(bars).toBe("");
    expect(quiet!.words).toBe("all asleep");
    const first = night([{ at: NOW, commits: 1 }], NOW);
    expect(first.quiet!.words).toMatch(/^until \d\d:\d\d, all asleep$/);
    expect(mouse!.x + mouse!.size / 2).toBeCloseTo(WIDTH / 2);
  });
});

describe("the list", () => {
  it("keeps one row a room, the newest first", () => {
    const list = merge(
      [row("a", { updated_at: 1 }), row("b", { updated_at: 2 })],
      [row("a", { updated_at: 3, awake: true })],
    );
    expect(list.map((r) => r.id)).toEqual(["a", "b"]);
    expect(awake(list).map((r) => r.id)).toEqual(["a"]);
    expect(asleep(list).map((r) => r.id)).toEqual(["b"]);
  });

  it("keeps what newer rooms push off the first page, and nothing that went away", () => {
    const before = ["c", "b", "a"].map((id, i) => row(id, { updated_at: 30 - i }));
    const [c, b, a] = before as [Row, Row, Row];
    const d = row("d", { updated_at: 40 });
    expect(fallen(before, { rows: [d, c, b], next: "x" })).toEqual([a]);
    expect(fallen(before, { rows: [d, c, a], next: "x" })).toEqual([]);
    expect(fallen(before, { rows: [c, b] })).toEqual([]);
    expect(fallen([c, row("s", { sort: 1, updated_at: 1 })], { rows: [c], next: "x" })).toEqual([]);
  });

  it("says how a room is", () => {
    expect(nowWords(row("a", { awake: true, updated_at: NOW - 14_000 }), NOW)).toBe("Last move 14 seconds ago");
    expect(nowWords(row("a", { updated_at: NOW - 3 * 86_400_000 }), NOW)).toBe("Asleep for 3 days");
    expect(nowWords(row("a", { updated_at: NOW - 1000, next_wake: NOW + 60_000 }), NOW)).toMatch(
      /^Wakes at \d\d:\d\d$/,
    );
  });

  it("counts members, who are only ids", () => {
    expect(memberWords([], "me")).toBe("");
    expect(memberWords(undefined, "me")).toBe("");
    expect(memberWords(["a"], undefined)).toBe("1 person");
    expect(memberWords(["me"], "me")).toBe("You");
    expect(memberWords(["me", "a", "b"], "me")).toBe("You and 2 others");
  });

  it("reads a code from what people paste", () => {
    expect(parseCode(" 4F2A9C ")).toEqual({ id: "4F2A9C" });
    expect(parseCode("todo/x_1")).toEqual({ kind: "todo", id: "x_1" });
    expect(parseCode("https://rooms.example/todo/x-1?from=mail#top")).toEqual({ kind: "todo", id: "x-1" });
    expect(parseCode("two words")).toBeUndefined();
    expect(parseCode("")).toBeUndefined();
    expect(parseCode("a/b/c")).toBeUndefined();
  });
});

describe("the host's figures", () => {
  it("shows only what is there and what is a number", () => {
    const info = readInfo({
      app: "x",
      version: "1",
      kinds: [],
      stats: { live: 2, asleep: "many", commits: Number.NaN, activity: [{ at: 1, commits: 2 }, { at: "x" }, null] },
    });
    expect(info.stats).toEqual({ live: 2, activity: [{ at: 1, commits: 2 }] });
  });
});
