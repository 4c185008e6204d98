// A host in memory: rooms with every state they had, who watches, and the figures of /v1.
import type { Activity, HostInfo, ListUpdate, Person, Row, SignalNote } from "../../src/sdk";
import type { TodoCommand, TodoView } from "../../src/generated/todo";
import { decide, empty, evolve, type State, type TodoEvent } from "./rules";

interface Commit {
  seq: number;
  at: number;
  event: TodoEvent | { type: "created" };
  state: State;
}

export const positionOf = (seq: number): string => `1:${seq}:${seq.toString(16).padStart(16, "0")}`;

export class FakeRoom {
  readonly commits: Commit[] = [];
  readonly watchers = new Map<object, Person>();
  private readonly listeners = new Set<() => void>();
  private readonly signals = new Set<(s: SignalNote) => void>();
  retired = false;

  constructor(
    readonly id: string,
    title: string,
    readonly createdAt: number,
  ) {
    this.commits.push({ seq: 1, at: createdAt, event: { type: "created" }, state: empty(title) });
  }

  get head(): Commit {
    return this.commits.at(-1)!;
  }
  get view(): TodoView {
    return this.head.state.view;
  }
  get position(): string {
    return positionOf(this.head.seq);
  }
  get here(): Person[] {
    return [...new Map([...this.watchers.values()].map((p) => [p.id, p])).values()].sort((a, b) =>
      a.id < b.id ? -1 : 1,
    );
  }

  act(command: TodoCommand, by: Person, at = Date.now()): string {
    const event = decide(this.head.state, command, by, at);
    this.commits.push({ seq: this.head.seq + 1, at, event, state: evolve(this.head.state, event) });
    this.changed();
    return this.position;
  }

  retire() {
    this.retired = true;
    this.changed();
  }

  watch(key: object, person: Person | undefined) {
    if (person) this.watchers.set(key, person);
    else this.watchers.delete(key);
    this.changed();
  }

  signal(signalled: SignalNote) {
    for (const fn of this.signals) fn(signalled);
  }
  on(fn: () => void) {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }
  onSignal(fn: (s: SignalNote) => void) {
    this.signals.add(fn);
    return () => this.signals.delete(fn);
  }
  private changed() {
    for (const fn of [...this.listeners]) fn();
  }
}

/** Which rows of a kind, as a subscription names them. */
export interface FakeList {
  kind: string;
  mine?: boolean;
  status?: string;
}

export class FakeHost {
  readonly rooms = new Map<string, FakeRoom>();
  private readonly listeners = new Set<() => void>();
  /** Rooms of kinds that only stand in the list. */
  readonly others: Row[] = [];
  readonly keys = new Map<string, string>();
  kinds: { kind: string; title: string }[] = [{ kind: "todo", title: "Todo" }];
  /** Asleep rooms that the list does not show, for large numbers in the hero. */
  unseen = 0;
  activity: Activity[] = [];
  lastWakeUs: number | undefined;
  latency = 40;
  /** Nobody answers. */
  down = false;
  guests = 0;
  /** First answers by command id. */
  readonly answers = new Map<string, object>();

  create(title: string, key: string | undefined, id = Math.random().toString(36).slice(2, 10)): FakeRoom {
    const known = key === undefined ? undefined : this.keys.get(key);
    if (known) return this.rooms.get(known)!;
    const room = this.add(new FakeRoom(id, title, Date.now()));
    if (key !== undefined) this.keys.set(key, id);
    return room;
  }

  add(room: FakeRoom): FakeRoom {
    this.rooms.set(room.id, room);
    room.on(() => this.changed());
    this.changed();
    return room;
  }

  /** Some row may be another. */
  on(fn: () => void) {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }
  private changed() {
    for (const fn of [...this.listeners]) fn();
  }

  list({ kind, mine, status }: FakeList, me: string): Row[] {
    const rooms = [...this.rooms.values()].filter((room) => kind === "todo" && !room.retired);
    const isWanted = (row: Row) =>
      row.kind === kind && (status === undefined || row.status === status) && (!mine || (row.members as string[]).includes(me));
    return [...rooms.map((room) => this.row(room)), ...this.others]
      .filter(isWanted)
      .sort((a, b) => b.updated_at - a.updated_at);
  }

  page(list: FakeList, me: string, limit: number, from: number): ListUpdate {
    const all = this.list(list, me);
    const next = from + limit;
    return { rows: all.slice(from, next), ...(next < all.length && { next: String(next) }) };
  }

  private row(room: FakeRoom): Row {
    const members = [...new Set(Object.values(room.view.items).map((item) => item.by.id))];
    const awake = room.watchers.size > 0 || Date.now() - room.head.at < 60_000;
    return {
      kind: "todo",
      id: room.id,
      title: room.view.title,
      status: "open",
      members,
      sort: 0,
      position: room.position,
      updated_at: room.head.at,
      created_at: room.createdAt,
      awake,
    };
  }

  info(): HostInfo {
    const rows = this.kinds.flatMap(({ kind }) => this.list({ kind }, ""));
    const live = rows.filter((row) => row.awake).length;
    const commits = rows.reduce((sum, row) => sum + Number(row.position.split(":")[1]), 0);
    const connections = new Set([...this.rooms.values()].flatMap((room) => [...room.watchers.keys()])).size;
    return {
      app: "fake",
      version: "0.0.0",
      kinds: this.kinds,
      stats: {
        live,
        asleep: rows.length - live + this.unseen,
        commits,
        connections,
        activity: this.activity,
        ...(this.lastWakeUs !== undefined && { last_wake_us: this.lastWakeUs }),
      },
    };
  }
}
