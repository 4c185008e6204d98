/**
 * A host in memory, as small as a test needs and as strict as docs/protocol.md: lists that grow by one entry
 * per command. It remembers answers by command id, and counts what was really carried out.
 */
import { Code } from "../../src/codes.js";
import type { Accepted, ClientFrame, ListOf, ServerFrame } from "../../src/frames.js";
import type { PatchOp } from "../../src/patch.js";
import { comparePositions, placeOf } from "../../src/position.js";
import { nameOf } from "../../src/session/step.js";
import { principalOf } from "../../src/tokens.js";
import type { ActorRow } from "../../src/types.js";
import { etag, pos } from "./script.js";
import { FakeClock, socketsOf, tokenFor, type FakeSocketConstructor, type Wire } from "./world.js";

export interface ListView {
  items: Record<string, string>;
  count: number;
}
interface Sub {
  as: "view" | "events";
  seq: number;
}
interface Connection {
  principal: string;
  subs: Map<string, Sub>;
  /** By name: what was told last. */
  lists: Map<string, { list: ListOf; rows: Rows }>;
}
type Rows = Record<string, ActorRow>;
interface Actor {
  log: string[];
  answers: Map<string, Accepted & { command: string }>;
}
export interface Faults {
  random: () => number;
  /** Chances, each for one frame. */
  drop: number;
  duplicate: number;
  reorder: number;
}

export class FakeHost {
  readonly clock: FakeClock;
  readonly actors = new Map<string, Actor>();
  /** What the lists of the kind `list` show. */
  readonly rows = new Map<string, ActorRow>();
  readonly connections = new Map<Wire, Connection>();
  readonly hellos: (ClientFrame & { action: "hello" })[] = [];
  readonly sends: (ClientFrame & { action: "send" })[] = [];
  readonly requests: { method: string; path: string; token: string | null; body: unknown }[] = [];
  faults: Faults | null = null;
  /** Addresses at which a socket was tried. */
  readonly dialed: string[] = [];
  /** Each opens one socket, where a gateway holds them. */
  readonly tickets = new Set<string>();
  up = true;
  socketsWork = true;
  /** Where sockets are, if not at the host. */
  gateway: string | null = null;
  followsLists = true;
  /** Larger views do not pass through the line. */
  viewBytesMax = Infinity;
  inFlight = 64;
  answering = true;
  refuseTokens = new Set<string>();
  /** Outboxes older than what the actors remember. */
  forgotten = new Set<string>();
  #outboxes = 0;
  #guests = 0;
  #held: [Wire, ServerFrame] | null = null;
  #streams = new Set<{ wire: Wire; close(): void }>();

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  get WebSocket(): FakeSocketConstructor {
    return socketsOf(this);
  }
  reachable(url: string): boolean {
    this.dialed.push(url);
    if (!this.up || !this.socketsWork) return false;
    if (this.gateway === null) return url.endsWith("/v1/connect");
    const [address, ticket = ""] = url.split("?token=");
    return address === this.gateway && this.tickets.delete(ticket);
  }
  actor(name: string): Actor {
    const actor = this.actors.get(name) ?? { log: [], answers: new Map() };
    this.actors.set(name, actor);
    return actor;
  }
  viewOf(name: string, seq = this.actor(name).log.length): ListView {
    const log = this.actor(name).log.slice(0, seq);
    return { items: Object.fromEntries(log.map((text, at) => [`i${at + 1}`, text])), count: log.length };
  }
  cutAll(code?: number): void {
    for (const wire of [...this.connections.keys()]) wire.cut(code);
    for (const stream of [...this.#streams]) stream.close();
  }
  onGone(wire: Wire): void {
    this.connections.delete(wire);
  }

  onFrame(wire: Wire, frame: ClientFrame): void {
    const { faults } = this;
    if (faults !== null && faults.random() < faults.drop) return wire.cut();
    this.#handle(wire, frame);
    if (faults !== null && frame.action === "send" && faults.random() < faults.duplicate) this.#handle(wire, frame);
  }

  #handle(wire: Wire, frame: ClientFrame): void {
    if (frame.action === "hello") return this.#hello(wire, frame);
    const connection = this.connections.get(wire);
    if (connection === undefined) return;
    if ("list" in frame) return this.#list(wire, connection, frame);
    if (frame.action === "subscribe") return this.subscribe(wire, connection, frame);
    if (frame.action === "unsubscribe") return void connection.subs.delete(`${frame.actor}|${frame.as ?? "view"}`);
    if (frame.action === "send") return this.#send(wire, frame);
    if (frame.action === "ping") return this.#push(wire, { type: "pong", behind: this.#behind(frame.positions ?? {}) });
    if (frame.action === "signal") {
      const from = { id: connection.principal, name: connection.principal };
      for (const other of this.connections.keys()) this.#push(other, { type: "signal", actor: frame.actor, from, signal: frame.signal });
    }
  }

  #hello(wire: Wire, frame: ClientFrame & { action: "hello" }): void {
    this.hellos.push(frame);
    if (!this.answering) return;
    if (this.refuseTokens.has(frame.token)) {
      wire.push({ type: "goodbye", code: 3401, name: "unauthenticated", message: "", retry_after: 250 });
      return wire.cut(4401);
    }
    const id = principalOf(frame.token)?.id ?? "?";
    this.connections.set(wire, { principal: id, subs: new Map(), lists: new Map() });
    wire.push(this.#welcome(id, frame.outbox, this.inFlight));
  }

  #welcome(id: string, outbox: string | undefined, in_flight: number): ServerFrame {
    return {
      type: "welcome",
      principal: { id, name: id, roles: [] },
      outbox: outbox ?? `ob-${(this.#outboxes += 1)}`,
      in_flight,
      limits: { frame_bytes: 65536, signal_bytes: 4096, ping_seconds: 25 },
      server: { version: "0.1.0" },
    };
  }

  /** A row comes, changes, or goes. */
  row(id: string, change: Partial<ActorRow> | null): void {
    const plain: ActorRow = {
      kind: "list", id, title: id, status: "open", members: [], sort: 0, position: pos(1), created_at: 1, updated_at: 1, awake: true,
    };
    if (change === null) this.rows.delete(id);
    else this.rows.set(id, { ...plain, ...this.rows.get(id), ...change });
    for (const [wire, connection] of this.connections) {
      for (const held of connection.lists.values()) this.#tell(wire, connection, held);
    }
  }

  #tell(wire: Wire, connection: Connection, held: { list: ListOf; rows: Rows }): void {
    const { list, rows: before } = held;
    const rows = (held.rows = this.#rowsOf(list, connection.principal));
    const gone = Object.keys(before).filter((id) => rows[id] === undefined);
    const other = Object.keys(rows).filter((id) => rows[id] !== before[id]);
    if (gone.length + other.length === 0) return;
    const ops: PatchOp[] = [
      ...gone.map((id): PatchOp => ({ op: "remove", path: `/rows/${id}` })),
      ...other.map((id): PatchOp => ({ op: before[id] === undefined ? "add" : "replace", path: `/rows/${id}`, value: rows[id] })),
    ];
    this.#push(wire, { type: "patch", list, base: etagOf(before), etag: etagOf(rows), ops });
  }

  #rowsOf({ status, mine }: ListOf, principal: string): Rows {
    const shown = (row: ActorRow): boolean =>
      (status === undefined || row.status === status) && (mine !== true ? row.private !== true : (row.members as string[]).includes(principal));
    return Object.fromEntries([...this.rows].filter(([, row]) => shown(row)));
  }

  #list(wire: Wire, connection: Connection, frame: Extract<ClientFrame, { list: ListOf }>): void {
    const { list } = frame;
    if (frame.action === "unsubscribe") return void connection.lists.delete(nameOf(list));
    if (!this.followsLists) {
      return this.#push(wire, { type: "error", list, action: "subscribe", code: Code.UnknownType, name: "unknown_type", message: "read it" });
    }
    if (list.kind !== "list") {
      return this.#push(wire, { type: "error", list, action: "subscribe", code: Code.NotFound, name: "not_found", message: "no such kind" });
    }
    const rows = this.#rowsOf(list, connection.principal);
    connection.lists.set(nameOf(list), { list, rows });
    const isHeld = frame.etag === etagOf(rows);
    this.#push(wire, { type: "resumed", list, kind: isHeld ? "current" : "snapshot" });
    if (!isHeld) this.#push(wire, { type: "snapshot", list, etag: etagOf(rows), view: { rows: { ...rows } } });
  }

  subscribe(wire: Wire, connection: Connection, frame: Extract<ClientFrame, { action: "subscribe"; actor: string }>): void {
    const { actor, as = "view", from, etag: known } = frame;
    const { length } = this.actor(actor).log;
    const told = (kind: "current" | "tail" | "snapshot") => this.#push(wire, { type: "resumed", actor, as, kind, position: pos(length) });
    connection.subs.set(`${actor}|${as}`, { as, seq: length });
    if (as === "view") {
      if (known === etag(length + 1)) return told("current");
      told("snapshot");
      const fits = JSON.stringify(this.viewOf(actor)).length <= this.viewBytesMax;
      return fits ? this.#push(wire, this.#snapshot(actor)) : this.#refuseView(wire, connection, actor);
    }
    const seq = from === undefined ? length : from === "start" ? 0 : placeOf(from).seq;
    if (seq >= length) return told("current");
    told("tail");
    this.#push(wire, this.#events(actor, seq));
  }

  decide(actor: string, commandId: string, command: unknown): Accepted | (ServerFrame & { type: "rejected" }) {
    const { answers, log } = this.actor(actor);
    const first = answers.get(commandId);
    if (first !== undefined && first.command !== JSON.stringify(command)) {
      const mismatch = { code: Code.IdempotencyMismatch, name: "idempotency_mismatch", message: "another body" };
      return { type: "rejected", actor, command_id: commandId, ...mismatch };
    }
    if (first !== undefined) return { ...first, again: true };
    if (this.forgotten.has(commandId.split(":")[0] as string)) {
      return { type: "rejected", actor, command_id: commandId, code: Code.UnknownCommandAge, name: "unknown_command_age", message: "old" };
    }
    const { text } = command as { text: string };
    if (text === "bad") {
      return { type: "rejected", actor, command_id: commandId, code: 4440, name: "rejected", message: "bad", reason: "bad" };
    }
    log.push(text);
    const answer: Accepted = { type: "accepted", actor, command_id: commandId, position: pos(log.length), etag: etag(log.length + 1) };
    answers.set(commandId, { ...answer, command: JSON.stringify(command) });
    this.#publish(actor);
    return answer;
  }

  /** Many commits at once, that reach the viewers as one frame. */
  grow(actor: string, commits: number): void {
    const { log } = this.actor(actor);
    for (let n = 0; n < commits; n += 1) log.push(`t${log.length + 1}`);
    this.#publish(actor);
  }

  #send(wire: Wire, frame: ClientFrame & { action: "send" }): void {
    this.sends.push(frame);
    if (!this.answering) return;
    this.#push(wire, this.decide(frame.actor, frame.command_id, frame.command));
  }

  #publish(actor: string): void {
    const { length } = this.actor(actor).log;
    for (const [wire, { subs }] of this.connections) {
      const view = subs.get(`${actor}|view`);
      if (view !== undefined) {
        // Now and then a patch is left for the next one to span.
        if ((this.faults?.random() ?? 1) < 0.1) continue;
        this.#push(wire, this.#patch(actor, view.seq));
        view.seq = length;
      }
      const events = subs.get(`${actor}|events`);
      if (events !== undefined) {
        this.#push(wire, this.#events(actor, events.seq));
        events.seq = length;
      }
    }
  }

  #patch(actor: string, seq: number): ServerFrame {
    const { log } = this.actor(actor);
    const added = log.slice(seq).map((text, at): PatchOp => ({ op: "add", path: `/items/i${seq + at + 1}`, value: text }));
    const ops: PatchOp[] = [...added, { op: "replace", path: "/count", value: log.length }];
    return { type: "patch", actor, base: etag(seq + 1), etag: etag(log.length + 1), position: pos(log.length), ops };
  }
  #refuseView(wire: Wire, connection: Connection, actor: string): void {
    connection.subs.delete(`${actor}|view`);
    this.#push(wire, { type: "error", actor, as: "view", code: Code.TooLarge, name: "too_large", message: "read it" });
  }
  #snapshot(actor: string): ServerFrame {
    const { length } = this.actor(actor).log;
    return { type: "snapshot", actor, position: pos(length), etag: etag(length + 1), view: this.viewOf(actor) };
  }
  #events(actor: string, after: number): ServerFrame {
    const { log } = this.actor(actor);
    const events = log.slice(after).map((text, at) => ({ seq: after + at + 1, index: 0, at: 1, event: { type: "added", text } }));
    return { type: "events", actor, position: pos(log.length), after_seq: after, through_seq: log.length, events };
  }
  #behind(positions: Record<string, string>): Record<string, string> {
    const newest = (actor: string): string => pos(this.actor(actor).log.length);
    const old = Object.entries(positions).filter(([actor, position]) => comparePositions(position, newest(actor)) < 0);
    return Object.fromEntries(old.map(([actor]) => [actor, newest(actor)]));
  }

  /** Where the faults happen: a frame may cut the line, come twice, or come after the next one. */
  #push(wire: Wire, frame: ServerFrame): void {
    const { faults } = this;
    if (faults === null) return wire.push(frame);
    if (faults.random() < faults.drop) return wire.cut();
    // Only the pushes of a view may overtake each other: its frames carry a base, events have none.
    const movable = frame.type === "patch" || frame.type === "snapshot" || frame.type === "accepted";
    if (movable && this.#held === null && faults.random() < faults.reorder) {
      this.#held = [wire, frame];
      return;
    }
    wire.push(frame);
    if (movable && faults.random() < faults.duplicate) wire.push(frame);
    if (this.#held !== null) this.#held[0].push(this.#held[1]);
    this.#held = null;
  }

  /** The HTTP side. */
  fetch = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const { pathname: path, searchParams } = new URL(url);
    const method = init.method ?? "GET";
    const headers = init.headers as Record<string, string>;
    const token = headers["authorization"]?.slice("Bearer ".length) ?? null;
    const body = typeof init.body === "string" ? (JSON.parse(init.body) as Record<string, unknown>) : null;
    this.requests.push({ method, path, token, body });
    if (!this.up) throw new TypeError("fetch failed");
    if (path === "/v1/guest") {
      const id = `g-${(this.#guests += 1)}`;
      return json(201, { token: tokenFor(id), principal: { id, name: id, roles: [] }, expires_at: this.clock.now() + 86_400_000 });
    }
    if (token === null || this.refuseTokens.has(token)) return failure(401, 3401, "unauthenticated");
    if (path === "/v1/ticket") return this.#ticket();
    if (path === "/v1") return json(200, { app: "list", version: "0", kinds: [{ kind: "list", title: "List" }], stats: {} });
    if (path === "/v1/me") return json(200, this.#welcome(principalOf(token)?.id ?? "?", undefined, 1));
    if (/^\/v1\/\w+\/stream$/.test(path)) return this.#listStream(path.split("/")[2] as string, token, searchParams, init.signal ?? null);
    const [, , kind, id, last] = path.split("/");
    const actor = `${kind}/${id}`;
    if (last === "stream") return this.#stream(actor, searchParams, init.signal ?? null);
    if (last === "signals") {
      const id = principalOf(token)?.id ?? "?";
      const frame = { type: "signal", actor, from: { id, name: id }, signal: body?.["signal"] } as const;
      for (const other of this.connections.keys()) this.#push(other, frame);
      return json(202, {});
    }
    if (last === "commands") {
      const answer = this.decide(actor, String(body?.["command_id"] ?? `none:${this.requests.length}`), body?.["command"]);
      if (answer.type === "rejected") return failure(422, answer.code, answer.name);
      return json(200, { position: answer.position, etag: answer.etag, again: answer.again });
    }
    if (method === "GET" && id === undefined && !this.followsLists) {
      if (kind !== "list") return failure(404, Code.NotFound, "not_found");
      const list = { kind, ...(searchParams.has("mine") ? { mine: true } : {}), ...(searchParams.has("status") ? { status: searchParams.get("status") as string } : {}) };
      return json(200, { rows: Object.values(this.#rowsOf(list, principalOf(token)?.id ?? "?")), next: null });
    }
    if (method === "GET" && last === undefined && this.viewBytesMax < Infinity) {
      const { length } = this.actor(actor).log;
      return json(200, { position: pos(length), etag: etag(length + 1), view: this.viewOf(actor) });
    }
    if (method === "POST") return json(201, { id: "new", position: pos(1), etag: etag(1), view: {} });
    return json(200, { position: pos(1), etag: etag(1), view: this.viewOf(actor), query: Object.fromEntries(searchParams) });
  };

  #ticket(): Response {
    const ticket = `t${this.requests.length}`;
    this.tickets.add(ticket);
    return json(201, { ticket, ...(this.gateway === null ? {} : { url: this.gateway }) });
  }

  #stream(actor: string, query: URLSearchParams, signal: AbortSignal | null): Response {
    if (actor === "list/none") return failure(404, 4404, "not_found");
    const [as, from, known] = ["as", "from", "etag"].map((key) => query.get(key) ?? undefined);
    const frame = { action: "subscribe", actor, as: as as "view", ...(from === undefined ? {} : { from }), ...(known === undefined ? {} : { etag: known }) } as const;
    return this.#open("?", signal, (wire, connection) => this.subscribe(wire, connection, frame));
  }

  #listStream(kind: string, token: string, query: URLSearchParams, signal: AbortSignal | null): Response {
    const [status, etag] = ["status", "etag"].map((key) => query.get(key) ?? undefined);
    const list = { kind, ...(query.has("mine") ? { mine: true } : {}), ...(status === undefined ? {} : { status }) };
    const frame = { action: "subscribe", list, ...(etag === undefined ? {} : { etag }) } as const;
    return this.#open(principalOf(token)?.id ?? "?", signal, (wire, connection) => this.#list(wire, connection, frame));
  }

  #open(principal: string, signal: AbortSignal | null, begin: (wire: Wire, connection: Connection) => void): Response {
    let out!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (out = controller) });
    const wire: Wire = { push: (frame) => out.enqueue(new TextEncoder().encode(`: hi\nid: 1\ndata: ${JSON.stringify(frame)}\n\n`)), cut: () => undefined };
    const stream = {
      wire,
      close: () => {
        this.connections.delete(wire);
        this.#streams.delete(stream);
        try {
          out.close();
        } catch {
          // Cancelled by the client before.
        }
      },
    };
    signal?.addEventListener("abort", () => out.error(new DOMException("aborted", "AbortError")));
    signal?.addEventListener("abort", () => this.connections.delete(wire));
    this.#streams.add(stream);
    const connection: Connection = { principal, subs: new Map(), lists: new Map() };
    this.connections.set(wire, connection);
    begin(wire, connection);
    return new Response(body, { status: 200, headers: { "content-type": "text/event-stream" } });
  }
}

/** FNV-1a over what is shown, for want of a better hash. */
function etagOf(rows: Rows): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(JSON.stringify(rows))) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, "0");
}

function json(status: number, value: unknown): Response {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json" } });
}
function failure(status: number, code: number, name: string): Response {
  return json(status, { error: { code, name, message: name } });
}
