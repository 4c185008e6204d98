// A client of the host in memory, with what matters of the real one: a line that can be pulled, an outbox that waits and is
// sent again, optimistic views, presence, signals.
import type { Client, ConnectOptions, Handle, HistoryOf, Kind, LineStatus, Moment, Person, Principal, Refusal, Resumed, Subscription } from "../../src/sdk";
import type { Command, TodoView } from "../../src/apps/todo/types";
import { type FakeHost, type FakeRoom, positionOf } from "./host";

interface Waiting { room: string; command: Command; optimistic: ((view: TodoView) => TodoView) | undefined; done(answer: { position: string }): void; fail(error: unknown): void; accepted?: number }

const NOT_FOUND: Refusal = { code: 4404, name: "not_found", message: "There is no such actor, or you may not see it." };
const problem = (fault: Refusal) => Object.assign(new Error(fault.message), fault);

export class FakeClient implements Client {
  status: LineStatus = "connecting";
  principal: Principal | null = null;
  readonly outbox: Waiting[] = [];
  readonly subs = new Set<FakeSubscription>();
  private readonly listeners = new Set<() => void>();
  private readonly statusListeners = new Set<(status: LineStatus) => void>();
  private busy = false;

  constructor(readonly host: FakeHost, private readonly options: ConnectOptions) { this.plug(); }

  get waiting() { return this.outbox.filter((w) => w.accepted === undefined).length; }
  onStatus(fn: (status: LineStatus) => void) { this.statusListeners.add(fn); return () => this.statusListeners.delete(fn); }
  onChange(fn: () => void) { this.listeners.add(fn); return () => this.listeners.delete(fn); }

  plug() {
    this.set("connecting");
    void this.soon(() => {
      if (this.status !== "connecting") return;
      this.principal ??= this.guest();
      this.set("replaying");
      for (const sub of this.subs) sub.resume();
      this.set("live");
      this.pump();
    });
  }

  unplug() {
    this.set("offline");
    for (const sub of this.subs) sub.drop();
  }

  close() {
    this.unplug();
    this.set("closed");
  }

  async kinds() { return this.soon(() => this.host.info()); }
  actor<V, C>(kind: string): Kind<V, C> { return new FakeKind(this, kind) as unknown as Kind<V, C>; }

  send(waiting: Waiting) {
    this.outbox.push(waiting);
    this.changed();
    this.pump();
  }

  /** One after the other, as the wire promises; what is under way when the plug is pulled is sent again later. */
  private pump() {
    const next = this.outbox.find((w) => w.accepted === undefined);
    if (this.busy || this.status !== "live" || !next) return;
    this.busy = true;
    void this.soon(() => {
      this.busy = false;
      if (this.status === "live") this.deliver(next);
      this.pump();
    });
  }

  private deliver(next: Waiting) {
    const room = this.host.rooms.get(next.room);
    try {
      if (!room) throw problem(NOT_FOUND);
      next.accepted = room.head.seq + 1;
      const position = room.act(next.command, this.person());
      next.done({ position });
    } catch (error) {
      next.fail(error);
    }
    this.outbox.splice(this.outbox.indexOf(next), 1);
    this.changed();
  }

  person(): Person { return { id: this.principal!.id, name: this.principal!.name }; }
  soon<T>(fn: () => T): Promise<T> { return new Promise((resolve, reject) => setTimeout(() => { try { resolve(fn()); } catch (e) { reject(e as Error); } }, this.host.latency)); }
  changed() {
    for (const fn of [...this.listeners]) fn();
    for (const sub of [...this.subs]) sub.changed();
  }

  private guest(): Principal {
    const kept = this.options.storage.getItem("principal");
    if (kept) return JSON.parse(kept) as Principal;
    const fresh: Principal = { id: `guest-${Math.random().toString(36).slice(2, 10)}`, name: this.options.name ?? "Guest", roles: ["guest"] };
    this.options.storage.setItem("principal", JSON.stringify(fresh));
    return fresh;
  }

  private set(status: LineStatus) {
    this.status = status;
    for (const fn of [...this.statusListeners]) fn(status);
    this.changed();
  }
}

class FakeKind implements Kind<TodoView, Command> {
  constructor(private readonly client: FakeClient, private readonly kind: string) {}
  async create(config?: unknown, options?: { key?: string }) {
    const room = await this.client.soon(() => this.client.host.create((config as { title?: string } | undefined)?.title ?? "", options?.key));
    return this.get(room.id);
  }
  get(id: string): Handle<TodoView, Command> { return new FakeHandle(this.client, id); }
  async list({ limit = 50, after }: { limit?: number; after?: string } = {}) {
    const all = await this.client.soon(() => this.client.host.list(this.kind));
    const start = after === undefined ? 0 : Number(after);
    const rows = all.slice(start, start + limit);
    return { rows, ...(start + limit < all.length && { next: String(start + limit) }) };
  }
}

class FakeHandle implements Handle<TodoView, Command> {
  constructor(private readonly client: FakeClient, readonly id: string) {}

  send(command: Command, options?: { optimistic?: (view: TodoView) => TodoView }) {
    return new Promise<{ position: string }>((done, fail) => this.client.send({ room: this.id, command, optimistic: options?.optimistic, done, fail }));
  }
  subscribe(): Subscription<TodoView> { return new FakeSubscription(this.client, this.id); }
  signal(signal: unknown) {
    if (this.client.status === "live") this.client.host.rooms.get(this.id)?.signal({ from: this.client.person(), signal });
  }
  onSignal(fn: Parameters<FakeRoom["onSignal"]>[0]) {
    return this.client.host.rooms.get(this.id)?.onSignal((s) => { if (this.client.status === "live") fn(s); }) ?? (() => {});
  }
  async at(seq: number): Promise<Moment<TodoView>> {
    const commit = (await this.room()).commits[seq - 1]!;
    return { position: positionOf(seq), view: commit.state.view };
  }
  async history({ buckets = 100 } = {}): Promise<HistoryOf> {
    const room = await this.room();
    const all = room.commits.map(({ seq, at }) => ({ seq, at }));
    const picked = all.length <= buckets ? all : Array.from({ length: buckets }, (_, i) => all[Math.round((i * (all.length - 1)) / (buckets - 1))]!);
    return { position: room.position, created_at: room.createdAt, commits: picked };
  }
  async events({ afterSeq, limit = 100 }: { afterSeq: number; limit?: number }) {
    const room = await this.room();
    return { events: room.commits.filter((c) => c.seq > afterSeq).slice(0, limit).map(({ seq, at, event }) => ({ seq, at, event: event as unknown })) };
  }

  /** HTTP of this client: gone with the plug too, which is how a page without a line behaves. */
  private room(): Promise<FakeRoom> {
    return this.client.soon(() => {
      if (this.client.status === "offline") throw problem({ code: 0, name: "line_failed", message: "There is no line." });
      const room = this.client.host.rooms.get(this.id);
      if (!room) throw problem(NOT_FOUND);
      return room;
    });
  }
}

class FakeSubscription implements Subscription<TodoView> {
  view: TodoView | null = null;
  confirmed: TodoView | null = null;
  position: string | null = null;
  here: readonly Person[] = [];
  resumed: Resumed | null = null;
  error: Refusal | null = null;
  private readonly listeners = new Set<() => void>();
  private off: () => void = () => {};
  private watching = false;

  constructor(private readonly client: FakeClient, private readonly id: string) {
    client.subs.add(this);
    if (client.status === "live") void client.soon(() => { this.resume(); this.changed(); });
  }

  get status(): LineStatus { return this.client.status === "live" && !this.resumed ? "replaying" : this.client.status; }
  get pending() { return this.client.outbox.filter((w) => w.room === this.id && w.accepted === undefined).length; }
  on(fn: () => void) { this.listeners.add(fn); return () => this.listeners.delete(fn); }

  resume() {
    const room = this.client.host.rooms.get(this.id);
    if (!this.client.subs.has(this)) return;
    if (!room) { this.error = NOT_FOUND; return; }
    const before = this.position === null ? null : Number(this.position.split(":")[1]);
    const kind = room.retired ? "gone" : before === room.head.seq ? "current" : "snapshot";
    this.resumed = { kind, missed: before === null ? null : room.head.seq - before, position: room.position, at: Date.now() };
    this.watching = true;
    room.watch(this, this.client.person());
    this.off = room.on(() => this.changed());
    this.changed();
  }

  drop() {
    this.watching = false;
    this.off();
    this.client.host.rooms.get(this.id)?.watch(this, undefined);
  }

  changed() {
    const room = this.client.host.rooms.get(this.id);
    if (room && this.watching && this.resumed) {
      this.confirmed = room.view;
      this.position = room.position;
      if (JSON.stringify(this.here) !== JSON.stringify(room.here)) this.here = room.here;
      if (room.retired) this.resumed = { ...this.resumed, kind: "gone" };
    }
    const overlays = this.client.outbox.filter((w) => w.room === this.id && w.accepted === undefined);
    this.view = this.confirmed && overlays.reduce((view, w) => w.optimistic?.(view) ?? view, this.confirmed);
    for (const fn of [...this.listeners]) fn();
  }

  close() {
    this.drop();
    this.client.subs.delete(this);
    this.listeners.clear();
  }
}
