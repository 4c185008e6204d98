import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodeClientFrame, decodeServerFrame, FrameError, parseJson } from "../src/frames.js";

interface Fixture {
  name: string;
  direction: "client" | "server";
  frame: Record<string, unknown>;
}
const read = (file: string): Fixture[] => JSON.parse(readFileSync(new URL(`../../../docs/fixtures/${file}.json`, import.meta.url), "utf8")) as Fixture[];
const fixtures = [...read("frames"), ...read("lists").map((fixture) => ({ ...fixture, name: `list: ${fixture.name}` }))];
const decoders = { client: decodeClientFrame, server: decodeServerFrame };

describe("the fixtures that Rust and TypeScript share", () => {
  it.each(fixtures)("$direction $name decodes as it stands", ({ direction, frame }) => {
    expect(decoders[direction](frame)).toEqual(frame);
  });

  it("hold every action and every type", () => {
    const tags = new Set(fixtures.map(({ frame }) => String(frame["action"] ?? frame["type"])));
    const server = "welcome resumed snapshot patch events accepted rejected signal presence error goodbye pong";
    const client = "hello subscribe unsubscribe send signal ping";
    expect([...tags].sort()).toEqual([...new Set(`${server} ${client}`.split(" "))].sort());
  });

  it("have names of their own", () => {
    expect(new Set(fixtures.map((fixture) => fixture.name)).size).toBe(fixtures.length);
  });

  it.each(fixtures)("$direction $name without one of its fields is refused or stays optional, never half read", ({ direction, frame }) => {
    for (const field of Object.keys(frame)) {
      const rest = Object.fromEntries(Object.entries(frame).filter(([key]) => key !== field));
      try {
        expect(decoders[direction](rest)).toEqual(rest);
      } catch (error) {
        expect(error).toBeInstanceOf(FrameError);
      }
    }
  });
});

describe("frames that are not of the table", () => {
  it("an unknown type is skipped, for a newer host may send it", () => {
    expect(decodeServerFrame({ type: "weather", sun: true })).toBeNull();
    expect(decodeServerFrame({ type: "constructor" })).toBeNull();
  });

  it.each([
    [null],
    [[]],
    [{}],
    [{ type: "pong" }],
    [{ type: "pong", behind: { "todo/a": "12" } }],
    [{ type: "snapshot", actor: "todo/a", position: "1:1:0000000000000001", etag: "short", view: {} }],
    [{ type: "accepted", actor: "todo/a", command_id: "no-number", position: "1:1:0000000000000001" }],
    [{ type: "resumed", list: { kind: "todo" }, kind: "tail" }],
    [{ type: "snapshot", list: { kind: "todo" }, etag: "a3f1c2d4e5b60719", view: { rows: [] } }],
    [{ type: "patch", list: "todo", base: "a3f1c2d4e5b60719", etag: "a3f1c2d4e5b60720", ops: [] }],
    [{ type: "resumed", actor: "todo/a", as: "both", kind: "current", position: "1:1:0000000000000001" }],
  ])("%j is malformed", (value) => {
    expect(() => decodeServerFrame(value)).toThrow(FrameError);
  });

  it("text that is not JSON is malformed", () => {
    expect(() => parseJson("{")).toThrow(FrameError);
  });
});
