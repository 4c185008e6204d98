import { Code, DormouseError } from "@dormouse/client";
import { describe, expect, it } from "vitest";
import { calm, GRACE_MS } from "./useCalm";
import { passed, tone } from "./useLine";
import { caughtUp, offline, refused, UNKNOWN } from "./words";

describe("the line in words", () => {
  it("says how much passed", () => {
    expect(caughtUp(14)).toBe("You are up to date. 14 moves happened while you were away.");
    expect(caughtUp(2)).toBe("You are up to date. Two moves happened while you were away.");
    expect(caughtUp(1)).toBe("You are up to date. One move happened while you were away.");
    expect(caughtUp(0)).toBe("You are up to date. Nothing happened while you were away.");
  });

  it("says what waits", () => expect([offline(0), offline(2)]).toEqual(["Offline", "Offline, 2 waiting"]));

  it("gives the rules' own words", () => {
    expect(refused(new Error("Not on Sundays."))).toBe("Not on Sundays.");
    expect(refused(undefined)).toBe("The room refused this.");
  });

  it("has words of its own for what nobody knows", () => {
    const fault = (code: number, name: string) => refused(new DormouseError({ code, name, message: "of ids", kind: "stop" }));
    expect(fault(Code.UnknownCommandAge, "unknown_command_age")).toBe(UNKNOWN);
    expect(fault(0, "unknown_outcome")).toBe(UNKNOWN);
    expect(fault(Code.Gone, "gone")).toBe("of ids");
  });
});

describe("what passed", () => {
  const note = { kind: "snapshot", missed: 6, position: "1:8:00000000000000aa", at: 0 } as const;

  it("ends where the host was, whatever is held by then", () => {
    expect(passed(note, undefined)).toEqual({ from: 2, to: 8, reset: false });
    expect(passed({ ...note, kind: "reset", missed: null }, undefined)).toEqual({ from: 8, to: 8, reset: true });
  });

  it("is counted from the last visit on a first look, within one history", () => {
    const first = { ...note, missed: null };
    expect(passed(first, "1:5:00000000000000bb")).toEqual({ from: 5, to: 8, reset: false });
    for (const kept of [undefined, "1:8:00000000000000aa", "2:5:00000000000000bb"])
      expect(passed(first, kept)).toBeUndefined();
  });
});

describe("the badge", () => {
  it("stands over a gap that nobody would notice, unless they made it or it lasts", () => {
    const live = { shown: "live", lostAt: null } as const;
    const lost = calm(live, "offline", true, 100);
    expect(lost).toEqual({ shown: "live", lostAt: 100 });
    const back = calm(lost, "connecting", true, 99 + GRACE_MS);
    expect([back.shown, calm(back, "live", false, 99 + GRACE_MS)]).toEqual(["live", live]);
    expect(calm(back, "replaying", true, 100 + GRACE_MS)).toEqual({ shown: "replaying", lostAt: null });
    expect(calm(lost, "offline", false, 200), "something worse is known").toEqual({ shown: "offline", lostAt: null });
    expect(calm({ shown: "connecting", lostAt: null }, "offline", true, 100).shown).toBe("offline");
  });

  it("shows the status as it is, and a closed line as a lost one", () => {
    expect((["connecting", "live", "replaying", "offline", "closed"] as const).map(tone)).toEqual([
      "connecting",
      "live",
      "replaying",
      "offline",
      "offline",
    ]);
  });
});
