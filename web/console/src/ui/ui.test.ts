import { describe, expect, it } from "vitest";
import { axis, path } from "./axis";
import { short } from "./position";
import { seated, SEATS } from "./seats";
import { ago, moment, span } from "./time";
import { capital, duration, figure, plural, spell } from "./words";

const MINUTE = 60_000;
const DAY = 86_400_000;

describe("counts", () => {
  it("spells small numbers and groups large ones", () => {
    expect([0, 1, 12, 13, 1284].map(spell)).toEqual(["no", "one", "twelve", "13", "1,284"]);
    expect(capital(spell(5))).toBe("Five");
    expect(figure(2194306)).toBe("2,194,306");
    expect([
      plural(1, "thing"),
      plural(2, "thing"),
      plural(1, "person", "people"),
      plural(3, "person", "people"),
    ]).toEqual(["1 thing", "2 things", "1 person", "3 people"]);
  });

  it("says a duration in the unit that one compares in", () => {
    expect([640, 1800, 18_000, 250_000, 2_100_000].map(duration)).toEqual([
      "640 µs",
      "1.8 ms",
      "18 ms",
      "250 ms",
      "2.1 s",
    ]);
  });
});

describe("time", () => {
  const now = new Date(2026, 4, 16, 9, 41).getTime();

  it("takes the largest whole unit", () => {
    expect([0, 1000, 59_999, MINUTE, 3 * 3_600_000, DAY, 11 * DAY].map(span)).toEqual([
      "0 seconds",
      "1 second",
      "59 seconds",
      "1 minute",
      "3 hours",
      "1 day",
      "11 days",
    ]);
  });

  it("is relative up to a week, then a date", () => {
    expect(ago(now - 1000, now)).toBe("just now");
    expect(ago(now + 5000, now)).toBe("just now");
    expect(ago(now - 14_000, now)).toBe("14 seconds ago");
    expect(ago(now - 6 * 3_600_000, now)).toBe("6 hours ago");
    expect(ago(now - 9 * DAY, now)).toBe("on Thu 7 May");
    expect(ago(new Date(2025, 11, 31).getTime(), now)).toBe("on Wed 31 Dec 2025");
  });

  it("names a moment of today by the clock", () => {
    expect(moment(now, now)).toBe("today, 09:41");
    expect(moment(now - 9 * DAY, now)).toBe("Thu 7 May, 09:41");
  });
});

describe("seats", () => {
  it("gives everybody one of eight and keeps it when others come and go", () => {
    const first = seated({}, ["ana", "bo"]);
    const later = seated(first, ["zoe", "bo", "chi"]);
    expect(later.ana).toBe(first.ana);
    expect(later.bo).toBe(first.bo);
    expect(new Set(Object.values(later)).size).toBe(4);
  });

  it("is the same on two devices that see the same people", () => {
    const people = ["guest-1", "guest-2", "guest-3", "guest-4"];
    expect(seated({}, people)).toEqual(seated({}, people));
  });

  it("seats eight apart and shares beyond", () => {
    const people = Array.from({ length: 11 }, (_, i) => `p${i}`);
    const book = seated({}, people);
    expect(new Set(people.slice(0, SEATS).map((id) => book[id])).size).toBe(SEATS);
    expect(Object.values(book).every((seat) => seat >= 1 && seat <= SEATS)).toBe(true);
  });

  it("returns the same book if nobody is new, so that nothing renders again", () => {
    const book = seated({}, ["ana"]);
    expect(seated(book, ["ana"])).toBe(book);
  });
});

describe("positions", () => {
  it("leaves the tag to machines", () => expect(short("1:212:9f86d081884c7d65")).toBe("1:212"));
});

describe("the trace", () => {
  const samples = [1, 2, 3]
    .map((seq) => ({ seq, at: seq * 1000 }))
    .concat([4, 5].map((seq) => ({ seq, at: 3 * DAY + seq * 2000 })));

  it("draws a bar for each commit and sleep between the bursts", () => {
    const line = axis(samples);
    expect(line.head).toBe(5);
    expect(line.bars.map((bar) => bar.seq)).toEqual([1, 2, 3, 4, 5]);
    expect(line.naps).toHaveLength(1);
    expect(line.naps[0]!.ms).toBeGreaterThan(2.9 * DAY);
    const [third, fourth] = [line.bars[2]!, line.bars[3]!];
    expect(line.naps[0]!.from).toBeGreaterThanOrEqual(third.x + third.width - 0.01);
    expect(line.naps[0]!.to).toBeLessThanOrEqual(fourth.x);
  });

  it("puts the newest commit at the right edge and finds every commit where it drew it", () => {
    const line = axis(samples);
    const last = line.bars.at(-1)!;
    expect(last.x + last.width).toBeCloseTo(line.width);
    for (const { seq } of samples) expect(line.seqAt(line.x(seq))).toBe(seq);
    expect(line.seqAt(0)).toBe(1);
    expect(line.seqAt(line.width)).toBe(5);
  });

  it("grows with the sleep, but not in proportion", () => {
    const nap = (ms: number) =>
      axis([
        { seq: 1, at: 0 },
        { seq: 2, at: 1000 },
        { seq: 3, at: 1000 + 3_600_000 },
        { seq: 4, at: 1000 + 3_600_000 + ms },
      ]).naps[1]!;
    const [hour, month] = [nap(3_600_000), nap(30 * DAY)].map(({ from, to }) => to - from);
    expect(month!).toBeGreaterThan(hour!);
    expect(month!).toBeLessThan(hour! * 5);
  });

  it("stands for commits that the host left out", () => {
    const line = axis([
      { seq: 1, at: 0 },
      { seq: 101, at: 100_000 },
      { seq: 201, at: 200_000 },
    ]);
    expect(line.x(151)).toBeGreaterThan(line.x(101));
    expect(line.x(151)).toBeLessThan(line.x(201));
    expect(line.seqAt(line.x(151))).toBe(151);
    expect(line.at(151)).toBe(150_000);
  });

  it("is empty for a room without history", () => {
    const line = axis([]);
    expect(line.bars).toEqual([]);
    expect(line.head).toBe(0);
    expect(line.seqAt(500)).toBe(0);
    expect(path(line.bars, 43, 38)).toBe("");
  });

  it("keeps every bar within its slot", () => {
    for (const bar of axis(Array.from({ length: 300 }, (_, i) => ({ seq: i + 1, at: i * 700 }))).bars) {
      expect(bar.width).toBeLessThanOrEqual(1000 / 300);
      expect(bar.height).toBeGreaterThan(0);
      expect(bar.height).toBeLessThanOrEqual(1);
    }
  });
});
