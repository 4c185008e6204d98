import { describe, expect, it } from "vitest";
import type { ServerFrame } from "../src/frames.js";
import { dialSse } from "../src/transport/sse.js";
import { SseReader } from "../src/transport/sse_reader.js";
import { pos, welcome } from "./support/script.js";
import { FakeClock } from "./support/world.js";

function read(...chunks: string[]): string[] {
  const messages: string[] = [];
  const reader = new SseReader((data) => messages.push(data));
  for (const chunk of chunks) reader.push(chunk);
  return messages;
}

describe("a stream of server-sent events", () => {
  const text = ": comment\r\nid: 1\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n:\n\ndata:two\n\ndata: three\r\revent: x\n\n";
  const messages = ['{"a":\n1}', "two", "three"];

  it("is read whole", () => expect(read(text)).toEqual(messages));
  it("is read the same however it is cut", () => {
    for (let size = 1; size < text.length; size += 1) {
      expect(read(...(text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? []))).toEqual(messages);
    }
  });
  it("holds back what is not finished", () => expect(read("data: half\n")).toEqual([]));
  it("has a bound", () => {
    const reader = new SseReader(() => undefined);
    const chunk = `data: ${"x".repeat(1 << 20)}\n`;
    expect(() => Array.from({ length: 17 }, () => reader.push(chunk))).toThrow(RangeError);
  });
});

describe("a command by POST", () => {
  it("says that it was sent before, and hears which commit keeps its refusal", async () => {
    const bodies: unknown[] = [];
    const error = { code: 4440, name: "rejected", message: "No.", reason: "full", position: pos(7) };
    const fetch = async (_: string, init?: RequestInit): Promise<Response> => {
      if (init?.method === "GET") return new Response(JSON.stringify(welcome()));
      bodies.push(JSON.parse(String(init?.body)));
      return new Response(JSON.stringify({ error }), { status: 422 });
    };
    const heard: ServerFrame[] = [];
    const hooks = { opened: () => undefined, dropped: () => undefined, frame: (frame: ServerFrame) => void heard.push(frame) };
    const line = dialSse({ fetch, endpoint: "", clock: new FakeClock() }, "t", hooks);
    const send = { action: "send", actor: "todo/a", command_id: "0-a:1", command: 1 } as const;
    line.send(send);
    line.send({ ...send, resent: true });
    await expect.poll(() => heard.length).toBe(2);
    const body = { command_id: "0-a:1", command: 1 };
    expect(bodies).toEqual([body, { ...body, resent: true }]);
    expect(heard[1]).toEqual({ type: "rejected", actor: "todo/a", command_id: "0-a:1", ...error });
  });
});
