/** The public API. */
import type { Clock } from "./clock.js";
import type { DormouseError } from "./errors.js";
import type { As, EventRow, Person, Principal } from "./frames.js";
import type { FetchLike } from "./http.js";
import type { ResumedNote, Status, TransportChoice } from "./session/state.js";
import type { StorageLike } from "./storage/storage.js";
import type { SocketConstructor } from "./transport/websocket.js";

/** What one kind of actor speaks. */
export interface ActorTypes {
  config: unknown;
  command: unknown;
  event: unknown;
  view: unknown;
}
export type Kinds = Record<string, ActorTypes>;

export interface ClientOptions {
  /** Default: `location.origin`. */
  endpoint?: string;
  /** Asked at every connect. Default: a guest's token, kept in storage. */
  token?: () => string | Promise<string>;
  /** The guest's name. */
  name?: string;
  /** Default: `localStorage` in a browser. Null keeps everything in memory. */
  storage?: StorageLike | null;
  transport?: TransportChoice;
  WebSocket?: SocketConstructor;
  fetch?: FetchLike;
  clock?: Clock;
  random?: () => number;
}

export interface Client<K extends Kinds = Kinds> {
  readonly endpoint: string;
  readonly status: Status;
  /** Who the host says we are; null before the first welcome. */
  readonly principal: Principal | null;
  /** Commands not yet answered, over all actors. */
  readonly waiting: number;
  /** Why the client is not live, if it is not. */
  readonly error: DormouseError | null;
  onStatus(fn: (status: Status) => void): () => void;
  /** Any change of status, principal, waiting or error. */
  onChange(fn: () => void): () => void;
  /** Cuts this client's line on purpose; commands wait, subscriptions keep their place. */
  unplug(): void;
  /** Connects now: after `unplug`, in place of waiting, or after a refusal that made the client stop. */
  plug(): void;
  /** For good. */
  close(): void;
  kinds(): Promise<HostInfo>;
  actor<N extends keyof K & string>(kind: N): ActorKind<K[N]>;
}

export interface HostInfo {
  readonly app: string;
  readonly version: string;
  readonly kinds: readonly { readonly kind: string; readonly title: string }[];
  readonly stats: Readonly<Record<string, unknown>>;
}

export interface ActorKind<T extends ActorTypes> {
  readonly kind: string;
  /** Safe to repeat with the same `key`; without one, retries within this call share a key of their own. */
  create(config?: T["config"], options?: { key?: string }): Promise<Handle<T>>;
  get(id: string): Handle<T>;
  list(options?: ListOptions): Promise<{ rows: readonly ActorRow[]; next?: string }>;
  /** The first rows of the list, as they change. Those who watch the same rows share their wire. */
  watch(options?: WatchOptions): ListSubscription;
}

export interface WatchOptions {
  mine?: boolean;
  /** At most 512 bytes, which no status has more of. */
  status?: string;
}

export interface ListUpdate {
  /** In the order of the list. */
  readonly rows: readonly ActorRow[];
  /** There are more rows: `after` of a `list` that asks for them. */
  readonly next?: string;
}

export interface ListSubscription extends AsyncIterable<ListUpdate> {
  readonly kind: string;
  /** Undefined before the first answer. */
  readonly rows: readonly ActorRow[] | undefined;
  readonly next: string | undefined;
  readonly status: Status;
  readonly error: DormouseError | null;
  /** Each update. The first listener gets the rows that are held already. */
  on(fn: (update: ListUpdate) => void): () => void;
  /** Any change of what this subscription shows, also of its status. */
  onChange(fn: () => void): () => void;
  close(): void;
}

export interface ListOptions {
  mine?: boolean;
  status?: string;
  limit?: number;
  after?: string;
}

export interface ActorRow {
  readonly kind: string;
  readonly id: string;
  readonly title: string;
  readonly status: string;
  readonly members: unknown;
  /** The list's own order, highest first. */
  readonly sort: number;
  /** Only its members see it, in their own list. */
  readonly private?: boolean;
  readonly position: string;
  readonly updated_at: number;
  readonly created_at: number;
  readonly awake: boolean;
  readonly next_wake?: number;
}

export interface Handle<T extends ActorTypes = ActorTypes> {
  readonly kind: string;
  readonly id: string;
  /** Resolves when the command is accepted, also after a drop in between; rejects with a DormouseError. */
  send(command: T["command"], options?: SendOptions<T["view"]>): Promise<Accepted>;
  /** Called once for each command that an earlier page left waiting for this actor; what it returns shows the command, as in `send`. */
  onRestored(fn: (restored: Restored<T["command"]>) => SendOptions<T["view"]> | void): () => void;
  subscribe(options?: { as?: "view"; from?: string }): ViewSubscription<T["view"]>;
  subscribe(options: { as: "events"; from?: string }): EventsSubscription<T["event"]>;
  /** Heard by whoever watches now; lost if there is no line. */
  signal(payload: unknown): void;
  /** Signals reach a client only for actors that it is subscribed to. */
  onSignal(fn: (signal: SignalNote) => void): () => void;
  /** The view as of commit `seq`. */
  at(seq: number): Promise<ViewAt<T["view"]>>;
  history(options?: { buckets?: number }): Promise<History>;
  events(options?: { afterSeq?: number; limit?: number }): Promise<EventsPage<T["event"]>>;
  retire(): Promise<{ position: string }>;
}

export interface SendOptions<V> {
  /**
   * Shows the command before it is confirmed. Must not change its argument, and should be safe to apply to a
   * view that has the command already: the confirmed view may arrive just before the answer.
   */
  optimistic?: (view: V) => V;
}

/** It stays in the outbox under the id that it had, and is sent whether somebody asks for it or not. */
export interface Restored<C> {
  readonly command: C;
  /** The earlier page sent it and heard no answer: the view may have it already. */
  readonly sent: boolean;
  /** As that of `send`. */
  readonly answer: Promise<Accepted>;
}

export interface Accepted {
  readonly position: string;
  readonly etag?: string;
  /** This id was accepted before a drop; this is the first answer. */
  readonly again?: boolean;
}

export interface ViewAt<V> {
  readonly position: string;
  readonly etag: string;
  readonly view: V;
}

export interface History {
  readonly position: string;
  readonly created_at: number;
  readonly commits: readonly { readonly seq: number; readonly at: number }[];
}

export interface EventOf<E> extends EventRow {
  readonly event: E;
}

export interface EventsPage<E> {
  readonly position: string;
  readonly through_seq: number;
  readonly more: boolean;
  readonly events: readonly EventOf<E>[];
}

export interface SignalNote {
  readonly from?: Person;
  readonly task?: string;
  readonly signal: unknown;
}

/** A command of this client on its way. `accepted` ones are listed until the confirmed view shows them. */
export interface Pending {
  /** `outbox:n`; without an outbox yet, `:n`, and then n may still change. */
  readonly id: string;
  readonly command: unknown;
  readonly state: "waiting" | "sent" | "accepted";
  /** Whether `view` shows it. */
  readonly shown: boolean;
}

export interface ViewUpdate<V> {
  readonly view: V;
  readonly confirmed: V;
  readonly position: string;
  readonly etag: string;
  /** The history before this view is not the actor's any more. */
  readonly reset: boolean;
}

export interface EventsUpdate<E> {
  readonly events: readonly EventOf<E>[];
  readonly position: string;
  /** Complete up to this commit. */
  readonly throughSeq: number;
  /** Forget every event before these. */
  readonly reset: boolean;
}

export interface Subscription<U> extends AsyncIterable<U> {
  readonly kind: string;
  readonly id: string;
  readonly as: As;
  readonly position: string | null;
  readonly pending: readonly Pending[];
  readonly status: Status;
  /** Who is connected and watches, at most 100 of `hereCount`. */
  readonly here: readonly Person[];
  readonly hereCount: number;
  /** How the last (re)subscription went. */
  readonly resumed: ResumedNote | null;
  readonly error: DormouseError | null;
  /** Each update. The first listener of a view gets the view that is held already. */
  on(fn: (update: U) => void): () => void;
  /** Any change of what this subscription shows, also of status, pending, here. */
  onChange(fn: () => void): () => void;
  close(): void;
}

export interface ViewSubscription<V> extends Subscription<ViewUpdate<V>> {
  /** With the commands that are not confirmed yet on top; undefined before the first view. */
  readonly view: V | undefined;
  readonly confirmed: V | undefined;
  readonly etag: string | null;
}

export type EventsSubscription<E> = Subscription<EventsUpdate<E>>;
