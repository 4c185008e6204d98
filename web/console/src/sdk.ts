// The client SDK as the console uses it: which kinds it knows, and the host's figures read with care.
import type {
  ActorRow,
  ActorTypes,
  Client as AnyClient,
  Handle,
  HostInfo as AnyHostInfo,
  Pending,
  ResumedNote,
  Status,
} from "@dormouse/client";
import type { Kinds as PageKinds } from "./generated/kinds";

export type {
  ActorTypes,
  Handle,
  ListUpdate,
  Person,
  Principal,
  ResumedNote,
  SignalNote,
  Status as LineStatus,
  StorageLike,
  ViewAt,
} from "@dormouse/client";

/** The kinds of the app that this console is built with, and any other that a host may name: those stand in the list. */
export interface Kinds extends PageKinds {
  [kind: string]: ActorTypes;
}
declare module "@dormouse/react" {
  interface Register {
    kinds: Kinds;
  }
}
export type Client = AnyClient<Kinds>;
export type Row = ActorRow;
/** What the line of a room is judged by. */
export interface AnyRoom {
  readonly status: Status;
  readonly position: string | null;
  readonly resumed: ResumedNote | null;
}
export type AnyHandle = Pick<Handle, "signal" | "onSignal">;

export interface ConnectOptions {
  name?: string;
  storage: Storage;
}
export type Connect = (options: ConnectOptions) => Client;

export interface Activity {
  readonly at: number;
  readonly commits: number;
}
/** Every figure may be missing: only what the host measured is shown. */
export interface Stats {
  live?: number;
  asleep?: number;
  commits?: number;
  last_wake_us?: number;
  connections?: number;
  activity?: readonly Activity[];
}
export type HostInfo = Omit<AnyHostInfo, "stats"> & { readonly stats: Stats };

const FIGURES = ["live", "asleep", "commits", "last_wake_us", "connections"] as const;

/** Hosts differ in what they measure, and a newer one may measure otherwise: what does not fit is left out. */
export function readInfo(info: AnyHostInfo): HostInfo {
  const raw = (info.stats ?? {}) as Record<string, unknown>;
  const stats: Stats = {};
  for (const name of FIGURES) {
    const value = raw[name];
    if (typeof value === "number" && Number.isFinite(value)) stats[name] = value;
  }
  if (Array.isArray(raw.activity)) stats.activity = raw.activity.filter(isActivity);
  return { ...info, stats };
}

const isActivity = (entry: unknown): entry is Activity =>
  typeof entry === "object" &&
  entry !== null &&
  typeof (entry as Activity).at === "number" &&
  typeof (entry as Activity).commits === "number";

/** Commands of this device that nobody has answered yet. */
export const waitingIn = (pending: readonly Pending[]): number =>
  pending.filter((command) => command.state !== "accepted").length;
