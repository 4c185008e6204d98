import { describe, expect, it } from "vitest";
import { tone } from "./useLine";
import { caughtUp, offline, refused } from "./words";

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
});

describe("the badge", () => {
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
