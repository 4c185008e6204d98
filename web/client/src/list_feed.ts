/** One listener's end of a list that is followed. Several of them share one wire subscription. */
import { DormouseError, type Fault } from "./errors.js";
import type { ListOf } from "./frames.js";
import { UpdateQueue } from "./queue.js";
import { safely, type Listener, type Session } from "./session.js";
import { statusOf, subStatusOf } from "./session/reduce.js";
import type { Effect, Status } from "./session/state.js";
import { nameOf, subKey } from "./session/step.js";
import type { ActorRow, ListSubscription, ListUpdate } from "./types.js";

/** What can be seen from outside. */
interface Face {
  readonly view: unknown;
  readonly status: Status;
  readonly fault: Fault | null;
}

export class ListFeed implements ListSubscription, Listener {
  readonly kind: string;
  readonly sub: string;
  readonly #session: Session;
  readonly #listeners = new Set<(update: ListUpdate) => void>();
  readonly #watchers = new Set<() => void>();
  readonly #queue = new UpdateQueue<ListUpdate>({ collapse: true, weigh: () => 1, limit: 1 });
  #iterated = false;
  #closed = false;
  #face: Face;
  #update: ListUpdate | undefined;
  #error: DormouseError | null = null;

  constructor(session: Session, list: ListOf) {
    this.kind = list.kind;
    this.#session = session;
    this.sub = subKey(nameOf(list), "view");
    this.#queue.onReturn = () => this.close();
    this.#face = this.#compute();
    session.listeners.add(this);
    session.dispatch({ input: "watch", list });
    // Rows that another listener holds already are this one's first update.
    if (this.#face.view !== undefined && this.#update === undefined) this.#show();
  }

  get rows(): readonly ActorRow[] | undefined {
    return this.#update?.rows;
  }
  get next(): string | undefined {
    return this.#update?.next;
  }
  get status(): Status {
    return this.#face.status;
  }
  get error(): DormouseError | null {
    const { fault } = this.#face;
    if (this.#error?.fault !== fault) this.#error = fault === null ? null : new DormouseError(fault);
    return this.#error;
  }

  on(fn: (update: ListUpdate) => void): () => void {
    const first = this.#listeners.size === 0;
    this.#listeners.add(fn);
    // What came before anybody listened is theirs, unless an iterator is reading it.
    const early = first && !this.#iterated ? this.#queue.drain() : [];
    if (early.length > 0) queueMicrotask(() => early.forEach((update) => this.#listeners.has(fn) && safely(() => fn(update))));
    return () => void this.#listeners.delete(fn);
  }

  onChange(fn: () => void): () => void {
    this.#watchers.add(fn);
    return () => void this.#watchers.delete(fn);
  }

  [Symbol.asyncIterator](): AsyncIterator<ListUpdate> {
    // Listeners may have taken the rows that are held; an iterator starts with them all the same.
    if (!this.#iterated && this.#update !== undefined && !this.#closed) this.#queue.push(this.#update);
    this.#iterated = true;
    return this.#queue;
  }

  close(): void {
    this.#end(null);
  }

  effect(effect: Effect): void {
    if (effect.do === "ended") this.#end(effect.fault);
  }

  refresh(): void {
    if (this.#closed) return;
    const before = this.#face;
    const face = this.#compute();
    if (face.view === before.view && face.status === before.status && face.fault === before.fault) return;
    this.#face = face;
    if (face.view !== before.view) this.#show();
    for (const watcher of [...this.#watchers]) safely(watcher);
  }

  #compute(): Face {
    const { state } = this.#session;
    const sub = state.subs.get(this.sub);
    const status = sub === undefined ? statusOf(state) : subStatusOf(state, sub);
    return { view: sub?.view, status, fault: sub?.error ?? null };
  }

  #show(): void {
    const update = updateOf(this.#face.view as View);
    this.#update = update;
    for (const fn of [...this.#listeners]) safely(() => fn(update));
    if (this.#listeners.size === 0 || this.#iterated) this.#queue.push(update);
  }

  #end(fault: Fault | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#face = { ...this.#face, status: "closed", fault };
    const { listeners } = this.#session;
    listeners.delete(this);
    this.#queue.end(fault === null ? null : new DormouseError(fault));
    const shared = [...listeners].some((other) => other.sub === this.sub);
    if (!shared) this.#session.dispatch({ input: "release", sub: this.sub });
    for (const watcher of [...this.#watchers]) safely(watcher);
  }
}

type View = Readonly<{ rows: Readonly<Record<string, ActorRow>>; next?: string }>;

function updateOf({ rows, next }: View): ListUpdate {
  return { rows: Object.values(rows).sort(inOrder), ...(next === undefined ? {} : { next }) };
}

/** As the host orders a list. */
function inOrder(a: ActorRow, b: ActorRow): number {
  return b.sort - a.sort || b.updated_at - a.updated_at || (a.id < b.id ? 1 : -1);
}
