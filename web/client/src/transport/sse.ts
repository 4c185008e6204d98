/**
 * The line where WebSockets do not pass: one stream of server-sent events per subscription, and commands by
 * POST, as signals are. It speaks the same frames to the session, so that nothing above knows the difference.
 * A stream that breaks drops the whole line, and the session resumes everything.
 */
import type { Clock } from "../clock.js";
import { DormouseError, faultOfUnknown, localFault, type Fault, type WireFault } from "../errors.js";
import { decodeServerFrame, parseJson, type ClientFrame, type ServerFrame, type Welcome } from "../frames.js";
import { faultOfResponse, initOf, queryOf, requester, type FetchLike, type Requester } from "../http.js";
import { SSE_SILENCE_MS } from "../limits.js";
import { nameOf, subKey } from "../session/step.js";
import { SseReader } from "./sse_reader.js";
import type { Hooks, Transport } from "./transport.js";

type Subscribe = ClientFrame & { action: "subscribe" };
type Send = ClientFrame & { action: "send" };
type Signal = ClientFrame & { action: "signal" };

/** What the line needs of the world. */
export interface SseWorld {
  readonly fetch: FetchLike;
  readonly endpoint: string;
  readonly clock: Clock;
}

export function dialSse(world: SseWorld, token: string, hooks: Hooks): Transport {
  const line = new SseLine(world, token, hooks);
  void line.open();
  return line;
}

class SseLine implements Transport {
  readonly #world: SseWorld;
  readonly #request: Requester;
  readonly #token: string;
  readonly #hooks: Hooks;
  readonly #streams = new Map<string, AbortController>();
  #welcome: Welcome | null = null;
  #opened = false;
  #over = false;

  constructor(world: SseWorld, token: string, hooks: Hooks) {
    this.#world = world;
    this.#request = requester(world.fetch, world.endpoint);
    this.#token = token;
    this.#hooks = hooks;
  }

  /** Asks the host who one is: that it answers, and takes the token, is what opening means here. */
  async open(): Promise<void> {
    try {
      const frame = decodeServerFrame(await this.#request("GET", "/v1/me", { token: this.#token }));
      if (frame?.type !== "welcome") throw new DormouseError(localFault("unexpected_answer", "The host gave no welcome.", "stop"));
      this.#welcome = frame;
      if (this.#over) return;
      this.#opened = true;
      this.#hooks.opened();
    } catch (error) {
      this.#drop(faultOfUnknown(error));
    }
  }

  send(frame: ClientFrame): void {
    if (this.#over) return;
    if (frame.action === "hello") this.#greet(frame.outbox);
    else if (frame.action === "subscribe") void this.#stream(frame);
    else if (frame.action === "unsubscribe") this.#stop(streamKey(frame));
    else if (frame.action === "send") void this.#post(frame);
    else if (frame.action === "signal") void this.#signal(frame);
    else if (frame.action === "ping") this.#emit({ type: "pong", behind: {} });
  }

  close(): void {
    this.#over = true;
    for (const stream of this.#streams.values()) stream.abort();
    this.#streams.clear();
  }

  /** The outbox that is held already still counts; else it is the one that the host gave. */
  #greet(outbox: string | undefined): void {
    if (this.#welcome !== null) this.#emit({ ...this.#welcome, outbox: outbox ?? this.#welcome.outbox });
  }

  /** As on a socket, nothing is said of one that arrives; one that is refused ends nothing. */
  async #signal({ actor, signal }: Signal): Promise<void> {
    try {
      await this.#request("POST", `/v1/${actor}/signals`, { token: this.#token, body: { signal } });
    } catch (error) {
      const fault = faultOfUnknown(error);
      if (fault.kind === "sign_in") return this.#drop(fault);
      if (fault.code !== 0) this.#emit({ type: "error", action: "signal", actor, ...wireOf(fault) });
    }
  }

  async #post(frame: Send): Promise<void> {
    const { actor, command_id, command, resent } = frame;
    const ask = { token: this.#token, body: { command_id, command, resent } };
    try {
      const answer = await this.#request("POST", `/v1/${actor}/commands`, ask);
      this.#emit({ ...(answer as { position: string; etag?: string }), type: "accepted", actor, command_id });
    } catch (error) {
      const fault = faultOfUnknown(error);
      // Without a code of ours nothing is known about the command, and a bad token fails the others too.
      if (fault.code === 0 || fault.kind === "sign_in") return this.#drop(fault);
      this.#emit({ type: "rejected", actor, command_id, ...wireOf(fault) });
    }
  }

  async #stream(frame: Subscribe): Promise<void> {
    const key = streamKey(frame);
    this.#stop(key);
    const abort = new AbortController();
    this.#streams.set(key, abort);
    try {
      await this.#read(frame, abort);
      if (!abort.signal.aborted) this.#drop(localFault("stream_ended", "The stream ended.", "retry"));
    } catch (error) {
      if (!abort.signal.aborted) this.#drop(faultOfUnknown(error));
    }
  }

  async #read(frame: Subscribe, abort: AbortController): Promise<void> {
    const url = `${this.#world.endpoint}/v1/${pathOf(frame)}`;
    const ask = { token: this.#token, headers: { accept: "text/event-stream" } };
    const response = await this.#world.fetch(url, { ...initOf("GET", ask), signal: abort.signal, cache: "no-store" });
    if (!response.ok || response.body === null) return this.#refuse(frame, abort, await faultOfResponse(response));
    const reader = new SseReader((data) => this.#onData(data, abort));
    const text = new TextDecoder();
    const body = response.body.getReader();
    for (;;) {
      const quiet = this.#watch(abort);
      const { done, value } = await body.read().finally(quiet);
      if (done || abort.signal.aborted) return;
      reader.push(text.decode(value, { stream: true }));
    }
  }

  #onData(data: string, abort: AbortController): void {
    const frame = decodeServerFrame(parseJson(data));
    if (frame === null || abort.signal.aborted || this.#isOwnSignal(frame)) return;
    this.#emit(frame);
  }

  /** A host does not know that a POST and a stream are of one client. On a socket nobody hears what they said themselves. */
  #isOwnSignal(frame: ServerFrame): boolean {
    return frame.type === "signal" && frame.from !== undefined && frame.from.id === this.#welcome?.principal.id;
  }

  #refuse(frame: Subscribe, abort: AbortController, fault: Fault): void {
    if (fault.code === 0 || fault.kind === "sign_in") throw new DormouseError(fault);
    abort.abort();
    this.#streams.delete(streamKey(frame));
    const of = "list" in frame ? { list: frame.list } : { actor: frame.actor, as: frame.as ?? "view" };
    this.#emit({ type: "error", ...of, ...wireOf(fault) });
  }

  #watch(abort: AbortController): () => void {
    const silence = localFault("silence", "The stream fell silent.", "retry");
    return this.#world.clock.after(SSE_SILENCE_MS, () => void (abort.signal.aborted || this.#drop(silence)));
  }

  #stop(key: string): void {
    this.#streams.get(key)?.abort();
    this.#streams.delete(key);
  }

  #emit(frame: ServerFrame): void {
    if (!this.#over) this.#hooks.frame(frame);
  }

  #drop(fault: Fault): void {
    if (this.#over) return;
    this.close();
    this.#hooks.dropped(fault, !this.#opened);
  }
}

function streamKey(frame: ClientFrame & { action: "subscribe" | "unsubscribe" }): string {
  return "list" in frame ? subKey(nameOf(frame.list), "view") : subKey(frame.actor, frame.as ?? "view");
}

function pathOf(frame: Subscribe): string {
  const { etag } = frame;
  if ("list" in frame) {
    const { kind, mine, status } = frame.list;
    return `${kind}/stream${queryOf({ mine, status, etag })}`;
  }
  const { actor, as = "view", from } = frame;
  return `${actor}/stream${queryOf({ as, from, etag })}`;
}

function wireOf(fault: Fault): WireFault {
  const { code, name, message, retryAfter, reason, position } = fault;
  const wait = retryAfter === undefined ? {} : { retry_after: retryAfter };
  const kept = position === undefined ? {} : { position };
  return { code, name, message, ...wait, ...(reason === undefined ? {} : { reason }), ...kept };
}
