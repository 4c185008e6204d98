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

  it("prefers the words for the rules' reason, then the message", () => {
    const known = { list_full: "The list is full." };
    expect(refused({ reason: "list_full", message: "refused" }, known)).toBe("The list is full.");
    expect(refused({ reason: "new_one", message: "Not on Sundays." }, known)).toBe("Not on Sundays.");
    expect(refused(undefined, known)).toBe("The room refused this.");
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
