/**
 * What the session knows. All of it is data: time and randomness come in with each input, and what is to
 * be done in the world goes out as effects, so that every drop, duplicate and race can be written as a script.
 */
import type { Fault } from "../errors.js";
import type {
  As, ClientFrame, EventRow, ListOf, Patch, Person, Principal, ResumedKind, ServerFrame, Signal,
} from "../frames.js";

export type Status = "connecting" | "live" | "replaying" | "offline" | "closed";
export type TransportName = "ws" | "sse";
export type TransportChoice = "auto" | TransportName;
export type Optimistic = (view: unknown) => unknown;

/** The line is one attempt at a connection after another; `number` tells the inputs of an old one apart. */
export type Line =
  | { readonly at: "unplugged" }
  | { readonly at: "stopped" }
  | { readonly at: "waiting"; readonly until: number }
  | { readonly at: "opening"; readonly deadline: number }
  /** No socket opened for this reason, and the host is asked whether its sockets are elsewhere. */
  | { readonly at: "asking"; readonly deadline: number; readonly fault: Fault | null }
  | { readonly at: "greeting"; readonly deadline: number }
  | {
      readonly at: "open";
      readonly liveSince: number | null;
      readonly pingAt: number;
      readonly pongBy: number | null;
    };

/** `accepted` commands stay only until the confirmed view shows them; their promise is settled already. */
export interface Command {
  readonly key: number;
  readonly n: number;
  readonly actor: string;
  readonly command: unknown;
  readonly optimistic: Optimistic | null;
  readonly phase: "waiting" | "sent" | "accepted";
  /** How often a host may have seen this id: each time that it was sent in this page, and once for an earlier one. */
  readonly sends: number;
  /** The copy that went out first, which does not say that there are others, went over this line and is not answered. */
  readonly firstHere: boolean;
  /** How often it was given another id, because the host took the one before for an old one. */
  readonly moves: number;
  readonly retries: number;
  readonly notBefore: number;
  readonly answerBy: number;
  readonly accepted: { readonly position: string; readonly etag?: string } | null;
}

export interface Outbox {
  /** Null until a host gave one. */
  readonly id: string | null;
  readonly nextN: number;
  /** Its numbers count as used up at a host. It asks on about what it sent, and is left once it has nothing to ask. */
  readonly spent: boolean;
  /** In the order of n. */
  readonly commands: readonly Command[];
}

export interface ResumedNote {
  readonly kind: ResumedKind;
  /** Commits between what was held and the position then; null at the first subscription and after a reset. */
  readonly missed: number | null;
  readonly position: string;
  readonly at: number;
}

export interface Sub {
  readonly key: string;
  /** Of a list, its name. */
  readonly actor: string;
  /** What it follows, if that is a list: then there is never a position. */
  readonly list: ListOf | null;
  readonly as: As;
  /**
   * `idle`: no line. `asked`: waits for `resumed`. `again`: waits until `againAt` to ask. `polled`: waits until `againAt` to read over HTTP
   * what does not come over the line. `reading`: waits for that.
   */
  readonly phase: "idle" | "asked" | "live" | "again" | "polled" | "reading" | "ended";
  readonly position: string | null;
  readonly etag: string | null;
  readonly view: unknown;
  readonly hasView: boolean;
  /** What to ask for while there is no position yet. */
  readonly from: string | null;
  readonly early: readonly Patch[];
  readonly gapAt: number | null;
  readonly askedAt: number;
  readonly againAt: number;
  readonly retries: number;
  /** How often it was read: an answer that comes too late is none. */
  readonly reads: number;
  readonly readAt: number | null;
  /** What is shown was read, since the line is open: nothing newer is known of. */
  readonly isRead: boolean;
  readonly everLive: boolean;
  readonly resumed: ResumedNote | null;
  readonly error: Fault | null;
  /** When nobody listens any more: the time to unsubscribe. */
  readonly dropAt: number | null;
}

export interface Here {
  readonly here: readonly Person[];
  readonly count: number;
}

export interface SessionState {
  readonly line: Line;
  readonly number: number;
  readonly choice: TransportChoice;
  readonly canSocket: boolean;
  readonly transport: TransportName;
  readonly socketFailures: number;
  /** The host's sockets are somebody else's: each is opened by a ticket, at the address that comes with it. */
  readonly byTicket: boolean;
  readonly probeAt: number | null;
  readonly attempt: number;
  readonly everLive: boolean;
  readonly online: boolean;
  /** Nobody looks at a page that is hidden, so nothing is read for it. */
  readonly visible: boolean;
  readonly closed: boolean;
  /** What the host said on this line before it ends. */
  readonly verdict: Fault | null;
  readonly freshToken: boolean;
  readonly error: Fault | null;
  readonly principal: Principal | null;
  readonly owner: string | null;
  readonly inFlight: number;
  readonly pingMs: number;
  readonly frameBytes: number;
  readonly signalBytes: number;
  readonly outbox: Outbox;
  readonly subs: ReadonlyMap<string, Sub>;
  readonly presence: ReadonlyMap<string, Here>;
}

export interface Kept {
  readonly outbox: string | null;
  readonly nextN: number;
  readonly commands: readonly KeptCommand[];
}
export interface KeptCommand {
  readonly n: number;
  readonly actor: string;
  readonly command: unknown;
  readonly sent: boolean;
}

export type Input =
  | { readonly input: "plug" }
  | { readonly input: "unplug" }
  | { readonly input: "close" }
  | { readonly input: "network"; readonly online: boolean }
  | { readonly input: "visible"; readonly visible: boolean }
  | { readonly input: "tick" }
  | { readonly input: "opened"; readonly number: number; readonly token: string }
  | { readonly input: "frame"; readonly number: number; readonly frame: ServerFrame }
  | { readonly input: "dropped"; readonly number: number; readonly fault: Fault | null; readonly unopened?: boolean }
  | { readonly input: "probed"; readonly opens: boolean }
  /** Whether sockets are opened by tickets. With a fault nobody could tell. */
  | { readonly input: "way"; readonly number: number; readonly byTicket: boolean; readonly fault: Fault | null }
  /** The storage of this principal was read; `kept` is the outbox this tab owns from now on. */
  | { readonly input: "adopt"; readonly owner: string; readonly kept: Kept | null }
  /** Another tab took this tab's outbox over and sends what is in it. */
  | { readonly input: "outbox_taken" }
  | {
      readonly input: "send";
      readonly key: number;
      readonly actor: string;
      readonly command: unknown;
      readonly optimistic: Optimistic | null;
    }
  /** Somebody knows how to show a command that an earlier page left. */
  | { readonly input: "show"; readonly key: number; readonly optimistic: Optimistic }
  | { readonly input: "signal"; readonly actor: string; readonly signal: unknown }
  | { readonly input: "subscribe"; readonly actor: string; readonly as: As; readonly from: string | null }
  | { readonly input: "watch"; readonly list: ListOf }
  | { readonly input: "release"; readonly sub: string }
  | { readonly input: "read"; readonly sub: string; readonly read: number; readonly answer: unknown }
  | { readonly input: "unread"; readonly sub: string; readonly read: number; readonly fault: Fault };

export type Effect =
  | {
      readonly do: "connect";
      readonly number: number;
      readonly transport: TransportName;
      readonly byTicket: boolean;
      readonly freshToken: boolean;
    }
  | { readonly do: "ask_way"; readonly number: number }
  | { readonly do: "disconnect"; readonly number: number }
  | { readonly do: "probe" }
  | { readonly do: "read"; readonly sub: string; readonly read: number; readonly of: ListOf | string }
  | { readonly do: "transmit"; readonly number: number; readonly frame: ClientFrame }
  | { readonly do: "settle"; readonly key: number; readonly answer: Answer }
  | { readonly do: "reject"; readonly key: number; readonly fault: Fault }
  | { readonly do: "view"; readonly sub: string; readonly reset: boolean }
  | {
      readonly do: "events";
      readonly sub: string;
      readonly position: string;
      readonly throughSeq: number;
      readonly events: readonly EventRow[];
    }
  | { readonly do: "resumed"; readonly sub: string; readonly note: ResumedNote }
  | { readonly do: "ended"; readonly sub: string; readonly fault: Fault | null }
  | { readonly do: "signal"; readonly signal: Signal };

export interface Answer {
  readonly position: string;
  readonly etag?: string;
  readonly again?: boolean;
}

export interface Env {
  readonly now: number;
  /** At least 0, below 1. */
  readonly random: number;
}

export interface Options {
  readonly choice: TransportChoice;
  readonly canSocket: boolean;
  /** As an earlier page found it. */
  readonly byTicket: boolean;
}
