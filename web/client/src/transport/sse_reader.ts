import { SSE_MESSAGE_CHARS_MAX } from "../limits.js";

/**
 * Cuts a stream of text into the messages of server-sent events. Only `data` is read: the frames carry
 * their position themselves, and resuming is the session's affair.
 */
export class SseReader {
  #rest = "";
  #data: string[] = [];
  #chars = 0;
  readonly #onMessage: (data: string) => void;

  constructor(onMessage: (data: string) => void) {
    this.#onMessage = onMessage;
  }

  push(chunk: string): void {
    this.#rest += chunk;
    // A carriage return at the end may be half of a pair whose other half comes with the next chunk.
    const held = this.#rest.endsWith("\r") ? 1 : 0;
    const lines = this.#rest.slice(0, this.#rest.length - held).split(/\r\n|\n|\r/);
    const last = lines.pop() as string;
    this.#rest = held === 1 ? `${last}\r` : last;
    for (const line of lines) this.#line(line);
    if (this.#rest.length + this.#chars > SSE_MESSAGE_CHARS_MAX) throw new RangeError("a message of the stream is too large");
  }

  #line(line: string): void {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    if (field !== "data") return;
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    this.#data.push(value);
    this.#chars += value.length;
  }

  #dispatch(): void {
    if (this.#data.length > 0) this.#onMessage(this.#data.join("\n"));
    this.#data = [];
    this.#chars = 0;
  }
}
