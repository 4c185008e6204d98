// What the console asks of a client. The real one (@dormouse/client) and the one in memory (dev/fake) both fit.

export type LineStatus = "connecting" | "live" | "replaying" | "offline" | "closed";
export interface Person { readonly id: string; readonly name: string }
export interface Principal extends Person { readonly roles: readonly string[] }

/** What a refusal carries; the SDK throws it as an Error. */
export interface Refusal { code: number; name: string; message: string; reason?: string }

export interface Resumed {
  readonly kind: "current" | "tail" | "snapshot" | "reset" | "gone";
  /** Commits that passed while the line was down; null at first and after a reset. */
  readonly missed: number | null;
  readonly position: string;
  readonly at: number;
}

export interface Subscription<V> {
  readonly view: V | null;
  readonly confirmed: V | null;
  readonly position: string | null;
  readonly pending: number;
  readonly status: LineStatus;
  readonly here: readonly Person[];
  readonly resumed: Resumed | null;
  readonly error: Refusal | null;
  on(fn: () => void): () => void;
  close(): void;
}

export interface SendOptions<V> { optimistic?: (view: V) => V }
export interface Signalled { readonly from?: Person; readonly signal: unknown }
export interface Moment<V> { readonly position: string; readonly view: V }
export interface HistoryOf { readonly position: string; readonly created_at: number; readonly commits: readonly { readonly seq: number; readonly at: number }[] }
export interface EventPage { readonly events: readonly { readonly seq: number; readonly at: number; readonly event: unknown }[] }

export interface Handle<V, C> {
  readonly id: string;
  send(command: C, options?: SendOptions<V>): Promise<{ position: string }>;
  subscribe(options?: { as?: "view" }): Subscription<V>;
  signal(signal: unknown): void;
  onSignal(fn: (signalled: Signalled) => void): () => void;
  at(seq: number): Promise<Moment<V>>;
  history(options?: { buckets?: number }): Promise<HistoryOf>;
  events(options: { afterSeq: number; limit?: number }): Promise<EventPage>;
}

export interface Row {
  readonly kind: string;
  readonly id: string;
  readonly title: string;
  readonly status: string;
  readonly members: readonly string[];
  readonly position: string;
  readonly updated_at: number;
  readonly created_at: number;
  readonly awake: boolean;
  readonly next_wake?: number;
}
export interface ListQuery { mine?: boolean; status?: string; limit?: number; after?: string }
export interface ListPage { readonly rows: readonly Row[]; readonly next?: string }

export interface Activity { readonly at: number; readonly commits: number }
/** Every figure may be missing: a host shows what it measured. */
export interface Stats { live?: number; asleep?: number; commits?: number; last_wake_us?: number; connections?: number; activity?: readonly Activity[] }
export interface HostInfo { readonly app: string; readonly version: string; readonly kinds: readonly { kind: string; title: string }[]; readonly stats?: Stats }

export interface Kind<V, C> {
  create(config?: unknown, options?: { key?: string }): Promise<Handle<V, C>>;
  get(id: string): Handle<V, C>;
  list(query?: ListQuery): Promise<ListPage>;
}

export interface Client {
  readonly status: LineStatus;
  readonly principal: Principal | null;
  readonly waiting: number;
  onStatus(fn: (status: LineStatus) => void): () => void;
  onChange(fn: () => void): () => void;
  unplug(): void;
  plug(): void;
  close(): void;
  kinds(): Promise<HostInfo>;
  actor<V = unknown, C = unknown>(kind: string): Kind<V, C>;
}

export interface ConnectOptions { name?: string; storage: Storage }
export type Connect = (options: ConnectOptions) => Client;
