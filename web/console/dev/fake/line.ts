// The wire to the host in memory: a fetch and a WebSocket for the real SDK, so that what is seen and tested is its
// outbox, its overlays and its plug. Speaks as much of docs/protocol.md as the console uses; views come as snapshots.
import { Code } from "@dormouse/client";
import type { Person } from "../../src/sdk";
import type { TodoCommand } from "../../src/generated/todo";
import { type FakeHost, type FakeList, type FakeRoom, positionOf } from "./host";
import { Refused } from "./rules";

/** Rows of a page that names no number, and of a list that is followed. */
const PAGE = 50;

const NOT_FOUND = { code: Code.NotFound, name: "not_found", message: "There is no such actor, or you may not see it." };

const base64 = (text: string) =>
  btoa(String.fromCharCode(...new TextEncoder().encode(text)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
const claimsOf = (token: string) =>
  JSON.parse(
    new TextDecoder().decode(
      Uint8Array.from(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0)),
    ),
  ) as { sub: string; name: string };
const etagOf = (room: FakeRoom) => room.head.seq.toString(16).padStart(16, "0");

/** The first page of a list by id, and FNV-1a over it for want of a better hash. */
function listView(host: FakeHost, list: FakeList, me: string): { etag: string; view: object } {
  const { rows, next } = host.page(list, me, PAGE, 0);
  const view = { rows: Object.fromEntries(rows.map((row) => [row.id, row])), ...(next !== undefined && { next }) };
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(JSON.stringify(view)))
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return { etag: hash.toString(16).padStart(16, "0"), view };
}

/** HTTP: every request answers after the host's latency. */
export function fakeFetch(host: FakeHost): typeof fetch {
  return async (input, init) => {
    await new Promise((resolve) => setTimeout(resolve, host.latency));
    const url = new URL(String(input), "http://fake");
    const body = init?.body ? (JSON.parse(String(init.body)) as Record<string, unknown>) : {};
    const key = new Headers(init?.headers).get("idempotency-key") ?? undefined;
    const token = new Headers(init?.headers).get("authorization")?.replace("Bearer ", "");
    const me = token === undefined ? "" : claimsOf(token).sub;
    const [status, answer] = route(host, init?.method ?? "GET", url, body, key, me);
    return { ok: status < 400, status, json: async () => structuredClone(answer) } as Response;
  };
}

type Answer = [status: number, body: unknown];

function route(
  host: FakeHost,
  method: string,
  url: URL,
  body: Record<string, unknown>,
  key: string | undefined,
  me: string,
): Answer {
  const [kind, id, what] = url.pathname.split("/").filter(Boolean).slice(1);
  const number = (name: string, otherwise: number) => Number(url.searchParams.get(name) ?? otherwise);
  if (host.down) return [503, { error: { code: Code.Unavailable, name: "unavailable", message: "The host is down." } }];
  if (kind === "guest") return [201, guest(host, body.name as string | undefined)];
  if (kind === undefined) return [200, host.info()];
  if (id === undefined && method === "POST")
    return [201, created(host.create((body.title as string | undefined) ?? "", key))];
  if (id === undefined) {
    const [mine, status] = [url.searchParams.has("mine"), url.searchParams.get("status") ?? undefined];
    const list = { kind, mine, ...(status !== undefined && { status }) };
    return [200, host.page(list, me, number("limit", PAGE), number("after", 0))];
  }
  const room = kind === "todo" ? host.rooms.get(id) : undefined;
  if (!room) return [404, { error: NOT_FOUND }];
  if (what === "history") return [200, history(room, number("buckets", 100))];
  if (what === "events") return [200, events(room, number("after_seq", 0), number("limit", 100))];
  const commit = room.commits[number("at_seq", room.head.seq) - 1]!;
  return [200, { position: positionOf(commit.seq), etag: etagOf(room), view: commit.state.view }];
}

function guest(host: FakeHost, name = "Guest") {
  const sub = `guest-${++host.guests}`;
  return {
    token: `e30.${base64(JSON.stringify({ sub, name, roles: ["guest"] }))}.x`,
    principal: { id: sub, name, roles: ["guest"] },
    expires_at: Date.now() + 86_400_000,
  };
}

const created = (room: FakeRoom) => ({ id: room.id, position: room.position, etag: etagOf(room), view: room.view });

function history(room: FakeRoom, buckets: number) {
  const all = room.commits.map(({ seq, at }) => ({ seq, at }));
  const every = (all.length - 1) / Math.max(1, buckets - 1);
  const commits = all.length <= buckets ? all : Array.from({ length: buckets }, (_, i) => all[Math.round(i * every)]!);
  return { position: room.position, created_at: room.createdAt, commits };
}

function events(room: FakeRoom, after: number, limit: number) {
  const rows = room.commits.filter((commit) => commit.seq > after).slice(0, limit);
  return {
    position: room.position,
    through_seq: rows.at(-1)?.seq ?? after,
    more: false,
    events: rows.map(({ seq, at, event }) => ({ seq, index: 0, at, event })),
  };
}

interface Frame {
  action: string;
  token?: string;
  actor?: string;
  list?: FakeList;
  etag?: string;
  from?: string;
  command_id?: string;
  command?: TodoCommand;
  signal?: unknown;
  outbox?: string;
}

/** One connection. The class is made for a host, because the SDK takes a constructor. */
export function fakeSocket(host: FakeHost) {
  return class FakeSocket {
    readyState = 0;
    onopen: ((event: never) => unknown) | null = null;
    onmessage: ((event: never) => unknown) | null = null;
    onclose: ((event: never) => unknown) | null = null;
    onerror: ((event: never) => unknown) | null = null;
    private me: Person = { id: "", name: "" };
    private readonly leave = new Map<string, () => void>();
    /** Answers keep their order, as on a real line. */
    private queue = Promise.resolve();

    constructor() {
      this.soon(() => {
        if (host.down) return this.end(1006);
        this.readyState = 1;
        this.onopen?.({} as never);
      });
    }

    send(text: string) {
      this.soon(() => this.hear(JSON.parse(text) as Frame));
    }

    close(code = 1000) {
      if (this.readyState < 3) this.soon(() => this.end(code));
    }

    private end(code: number) {
      if (this.readyState === 3) return;
      this.readyState = 3;
      for (const leave of this.leave.values()) leave();
      this.onclose?.({ code, reason: "" } as never);
    }

    private soon(fn: () => void) {
      this.queue = this.queue.then(
        () =>
          new Promise((resolve) =>
            setTimeout(() => {
              fn();
              resolve();
            }, host.latency / 2),
          ),
      );
    }

    private say(frame: object) {
      if (this.readyState === 1) this.onmessage?.({ data: JSON.stringify(frame) } as never);
    }

    private hear(frame: Frame) {
      if (this.readyState !== 1) return;
      if (frame.action === "hello") return this.hello(frame);
      if (frame.action === "ping") return this.say({ type: "pong", behind: {} });
      if (frame.list) return this.list(frame.list, frame);
      const actor = frame.actor!;
      const room = host.rooms.get(actor.replace("todo/", ""));
      if (!room)
        return this.say(
          frame.action === "send"
            ? { type: "rejected", actor, command_id: frame.command_id, ...NOT_FOUND }
            : { type: "error", actor, ...NOT_FOUND },
        );
      if (frame.action === "subscribe") this.subscribe(room, actor, frame.from);
      if (frame.action === "unsubscribe") this.unsubscribe(actor);
      if (frame.action === "send") this.command(room, actor, frame);
      if (frame.action === "signal") room.signal({ from: this.me, signal: frame.signal });
    }

    private hello({ token }: Frame) {
      const { sub, name } = claimsOf(token!);
      this.me = { id: sub, name };
      this.say({
        type: "welcome",
        principal: { ...this.me, roles: ["guest"] },
        outbox: `o-${sub}`,
        in_flight: 8,
        limits: { frame_bytes: 65536, signal_bytes: 4096, ping_seconds: 20 },
        server: { version: "0.0.0" },
      });
    }

    private list(list: FakeList, { action, etag }: Frame) {
      const name = JSON.stringify(list);
      this.unsubscribe(name);
      if (action === "unsubscribe") return;
      const first = listView(host, list, this.me.id);
      this.say({ type: "resumed", list, kind: first.etag === etag ? "current" : "snapshot" });
      let held = etag;
      const tell = () => {
        const now = listView(host, list, this.me.id);
        if (now.etag !== held) this.say({ type: "snapshot", list, ...now });
        held = now.etag;
      };
      tell();
      this.leave.set(name, host.on(tell));
    }

    private subscribe(room: FakeRoom, actor: string, from: string | undefined) {
      if (room.retired)
        return this.say({
          type: "resumed",
          actor,
          as: "view",
          kind: "gone",
          position: room.position,
          message: "retired",
        });
      this.unsubscribe(actor);
      const current = from === room.position;
      this.say({ type: "resumed", actor, as: "view", kind: current ? "current" : "snapshot", position: room.position });
      if (!current) this.snapshot(room, actor);
      let seq = room.head.seq;
      const off = room.on(() => {
        if (room.retired)
          return this.say({
            type: "resumed",
            actor,
            as: "view",
            kind: "gone",
            position: room.position,
            message: "retired",
          });
        if (room.head.seq !== seq) this.snapshot(room, actor);
        seq = room.head.seq;
        this.presence(room, actor);
      });
      const deaf = room.onSignal((note) => this.say({ type: "signal", actor, ...note }));
      this.leave.set(actor, () => {
        off();
        deaf();
        room.watch(this, undefined);
      });
      room.watch(this, this.me);
    }

    private unsubscribe(actor: string) {
      this.leave.get(actor)?.();
      this.leave.delete(actor);
    }

    private snapshot(room: FakeRoom, actor: string) {
      this.say({ type: "snapshot", actor, position: room.position, etag: etagOf(room), view: room.view });
    }

    private presence(room: FakeRoom, actor: string) {
      this.say({ type: "presence", actor, here: room.here, count: room.here.length });
    }

    /** The same id twice is answered twice and done once: what is sent again after a drop. */
    private command(room: FakeRoom, actor: string, { command, command_id: id }: Frame) {
      const known = host.answers.get(id!);
      if (known) return this.say({ ...known, again: true });
      try {
        const position = room.act(command!, this.me);
        const answer = { type: "accepted", actor, command_id: id, position, etag: etagOf(room) };
        host.answers.set(id!, answer);
        this.say(answer);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        this.say({
          type: "rejected",
          actor,
          command_id: id,
          code: error.code,
          name: error.name,
          message: error.message,
          reason: error.reason,
        });
      }
    }
  };
}
