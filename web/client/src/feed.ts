/**
 * One listener's end of a subscription. Several of them share one wire subscription; each has its own
 * place in the events, so that what one has had already it does not hear again for another's sake.
 */
import { DormouseError, localFault, type Fault } from "./errors.js";
import type { As, EventRow, Person } from "./frames.js";
import { EVENTS_BUFFERED_MAX } from "./limits.js";
import { placeOf, START } from "./position.js";
import { UpdateQueue } from "./queue.js";
import type { Listener, Session } from "./session.js";
import { safely } from "./session.js";
import { overlay, overlaysOf } from "./session/overlay.js";
import { statusOf, subStatusOf } from "./session/reduce.js";
import type { Command, Effect, ResumedNote, SessionState, Status, Sub } from "./session/state.js";
import { subKey } from "./session/step.js";
import type { EventsUpdate, Pending, Subscription, ViewUpdate } from "./types.js";

type Update = ViewUpdate<unknown> | EventsUpdate<unknown>;
interface Cursor {
  readonly seq: number;
  readonly index: number;
}
/** What can be seen from outside, computed once for each change of the state. */
interface Face {
  readonly view: unknown;
  readonly confirmed: unknown;
  readonly position: string | null;
  readonly etag: string | null;
  readonly pending: readonly Pending[];
  readonly status: Status;
  readonly here: readonly Person[];
  readonly hereCount: number;
  readonly resumed: ResumedNote | null;
  readonly fault: Fault | null;
}

const NOBODY: readonly Person[] = [];
const NONE: readonly Pending[] = [];

export class Feed implements Subscription<Update>, Listener {
  readonly kind: string;
  readonly id: string;
  readonly as: As;
  readonly sub: string;
  readonly #session: Session;
  readonly #actor: string;
  readonly #listeners = new Set<(update: Update) => void>();
  readonly #watchers = new Set<() => void>();
  readonly #queue: UpdateQueue<Update>;
  #iterated = false;
  #cursor: Cursor | null;
  #reset = false;
  #lastPosition: string | null = null;
  #closed = false;
  #fault: Fault | null = null;
  #commands: readonly Command[] = [];
  #face: Face;
  #error: DormouseError | null = null;

  constructor(session: Session, kind: string, id: string, as: As, from: string | null) {
    [this.kind, this.id, this.as] = [kind, id, as];
    this.#session = session;
    this.#actor = `${kind}/${id}`;
    this.sub = subKey(this.#actor, as);
    const limit = as === "view" ? 1 : EVENTS_BUFFERED_MAX;
    this.#queue = new UpdateQueue({ collapse: as === "view", weigh: weightOf, limit });
    this.#queue.onReturn = () => this.close();
    this.#cursor = from === null ? headOf(session.state.subs.get(this.sub)) : cursorAt(from);
    this.#face = this.#compute(null);
    session.listeners.add(this);
    session.dispatch({ input: "subscribe", actor: this.#actor, as, from });
    // A view that another listener holds already is this one's first update.
    if (as === "view" && session.state.subs.get(this.sub)?.hasView === true) this.#pushView(false);
  }

  get view(): unknown {
    return this.#face.view;
  }
  get confirmed(): unknown {
    return this.#face.confirmed;
  }
  get position(): string | null {
    return this.#face.position;
  }
  get etag(): string | null {
    return this.#face.etag;
  }
  get pending(): readonly Pending[] {
    return this.#face.pending;
  }
  get status(): Status {
    return this.#face.status;
  }
  get here(): readonly Person[] {
    return this.#face.here;
  }
  get hereCount(): number {
    return this.#face.hereCount;
  }
  get resumed(): ResumedNote | null {
    return this.#face.resumed;
  }
  get error(): DormouseError | null {
    const { fault } = this.#face;
    if (this.#error?.fault !== fault) this.#error = fault === null ? null : new DormouseError(fault);
    return this.#error;
  }

  on(fn: (update: Update) => void): () => void {
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

  [Symbol.asyncIterator](): AsyncIterator<Update> {
    // Listeners may have taken the view that is held; an iterator starts with it all the same.
    if (!this.#iterated && this.as === "view" && this.#hasView() && !this.#closed) this.#queue.push(this.#viewUpdate(false));
    this.#iterated = true;
    return this.#queue;
  }

  close(): void {
    this.#end(null);
  }

  effect(effect: Effect): void {
    if (effect.do === "view") this.#reset ||= effect.reset;
    else if (effect.do === "resumed") this.#onResumed(effect.note);
    else if (effect.do === "events") this.#onEvents(effect);
    else if (effect.do === "ended") this.#end(effect.fault);
  }

  refresh(): void {
    if (this.#closed) return;
    const before = this.#face;
    this.#face = this.#compute(before);
    if (this.#face === before) return;
    const moved = this.#face.view !== before.view || this.#face.confirmed !== before.confirmed || this.#reset;
    if (this.as === "view" && moved && this.#hasView()) this.#pushView(this.#reset);
    for (const watcher of [...this.#watchers]) safely(watcher);
  }

  #pushView(reset: boolean): void {
    this.#reset = false;
    this.#deliver(this.#viewUpdate(reset));
  }

  #viewUpdate(reset: boolean): ViewUpdate<unknown> {
    const { view, confirmed, position, etag } = this.#face;
    return { view, confirmed, position: position ?? START, etag: etag ?? "", reset };
  }

  #onResumed(note: ResumedNote): void {
    if (this.as === "view") return;
    if (note.kind === "reset") {
      this.#cursor = cursorAt("start");
      this.#reset = true;
    }
    this.#cursor ??= { seq: placeOf(note.position).seq, index: Infinity };
  }

  #onEvents(effect: Effect & { do: "events" }): void {
    const { position, throughSeq } = effect;
    const events = effect.events.filter((row) => isAfter(row, this.#cursor));
    const last = events.at(-1);
    if (last !== undefined) this.#cursor = last;
    if (this.#cursor === null || throughSeq > this.#cursor.seq) this.#cursor = { seq: throughSeq, index: Infinity };
    if (events.length === 0 && !this.#reset) return;
    const update = { events, position, throughSeq, reset: this.#reset };
    if (!this.#deliver(update)) return this.#overflow();
    this.#reset = false;
    this.#lastPosition = position;
  }

  /** The iterator queues what it has not taken; without one, nothing is queued once somebody listens. */
  #deliver(update: Update): boolean {
    for (const fn of [...this.#listeners]) safely(() => fn(update));
    return this.#listeners.size > 0 && !this.#iterated ? true : this.#queue.push(update);
  }

  #overflow(): void {
    const position = this.#lastPosition ?? "start";
    const message = `More than ${EVENTS_BUFFERED_MAX} events were not read. Subscribe again from ${position}.`;
    this.#end({ ...localFault("too_slow", message, "resubscribe"), position });
  }

  #end(fault: Fault | null): void {
    if (this.#closed) return;
    this.#fault = fault;
    this.#face = { ...this.#compute(this.#face), status: "closed", fault };
    this.#closed = true;
    const { listeners } = this.#session;
    listeners.delete(this);
    this.#queue.end(fault === null ? null : new DormouseError(fault));
    const shared = [...listeners].some((other) => other.sub === this.sub);
    if (!shared) this.#session.dispatch({ input: "release", sub: this.sub });
    for (const watcher of [...this.#watchers]) safely(watcher);
  }

  #hasView(): boolean {
    return this.#session.state.subs.get(this.sub)?.hasView === true;
  }

  #compute(before: Face | null): Face {
    const { state } = this.#session;
    const sub = state.subs.get(this.sub);
    const { commands } = state.outbox;
    const mine = sameItems(this.#commands, commands.filter((command) => command.actor === this.#actor));
    const sameInputs = before !== null && mine === this.#commands && before.confirmed === sub?.view;
    this.#commands = mine;
    const { view, pending } = sameInputs ? before : this.#lay(state, sub);
    const there = state.presence.get(this.#actor);
    const face: Face = {
      view,
      confirmed: sub?.view,
      position: sub?.position ?? before?.position ?? null,
      etag: sub?.etag ?? null,
      pending,
      status: sub === undefined ? statusOf(state) : subStatusOf(state, sub),
      here: there?.here ?? NOBODY,
      hereCount: there?.count ?? 0,
      resumed: sub?.resumed ?? null,
      fault: this.#fault ?? sub?.error ?? null,
    };
    return before !== null && sameFace(face, before) ? before : face;
  }

  #lay(state: SessionState, sub: Sub | undefined): { view: unknown; pending: readonly Pending[] } {
    const lays = this.as === "view" && sub?.hasView === true;
    const top = lays ? overlay(sub.view, overlaysOf(state, this.#actor)) : { view: sub?.view, shown: new Set<number>() };
    const outbox = state.outbox.id ?? "";
    const pending = this.#commands.map(({ key, n, command, phase }) => ({
      id: `${outbox}:${n}`, command, state: phase, shown: top.shown.has(key),
    }));
    return { view: top.view, pending: pending.length === 0 ? NONE : pending };
  }
}

function weightOf(update: Update): number {
  return "events" in update ? Math.max(1, update.events.length) : 1;
}

function cursorAt(from: string): Cursor {
  return { seq: from === "start" ? 0 : placeOf(from).seq, index: Infinity };
}

/** Where a listener that comes later starts: with the next event, even if the wire is going back for another one. */
function headOf(sub: Sub | undefined): Cursor | null {
  if (sub === undefined || sub.phase === "ended" || sub.resumed === null) return null;
  const seqs = [sub.position, sub.resumed.position].map((position) => (position === null ? 0 : placeOf(position).seq));
  return { seq: Math.max(...seqs), index: Infinity };
}

function isAfter(row: EventRow, cursor: Cursor | null): boolean {
  return cursor === null || row.seq > cursor.seq || (row.seq === cursor.seq && row.index > cursor.index);
}

/** The old list if the new one holds the same, so that listeners can compare by identity. */
function sameItems<T>(old: readonly T[], next: readonly T[]): readonly T[] {
  return old.length === next.length && old.every((item, at) => item === next[at]) ? old : next;
}

function sameFace(a: Face, b: Face): boolean {
  return (Object.keys(a) as (keyof Face)[]).every((key) => a[key] === b[key]);
}
