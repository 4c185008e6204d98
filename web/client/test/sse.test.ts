import { describe, expect, it } from "vitest";
import { SseReader } from "../src/transport/sse_reader.js";

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
