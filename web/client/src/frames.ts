/**
 * The frames of docs/protocol.md. Decoding is strict about the fields that the client uses and blind to
 * unknown ones; a frame of an unknown type is null, since a newer host may send it. Only this file and
 * http.ts know the wire.
 */
import { isPosition } from "./position.js";
import type { PatchOp } from "./patch.js";

export type As = "view" | "events";
export interface Principal {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
}
export interface Person {
  readonly id: string;
  readonly name: string;
}
export interface EventRow {
  readonly seq: number;
  readonly index: number;
  readonly at: number;
  readonly event: unknown;
}
export type ResumedKind = "current" | "tail" | "snapshot" | "reset" | "gone";

/** Which rows of a kind; what is left out is not asked for. */
export interface ListOf {
  readonly kind: string;
  readonly mine?: boolean;
  readonly status?: string;
}

export type ClientFrame =
  | { action: "hello"; token: string; outbox?: string }
  | { action: "subscribe"; actor: string; as?: As; from?: string; etag?: string }
  | { action: "unsubscribe"; actor: string; as?: As }
  | { action: "subscribe"; list: ListOf; etag?: string }
  | { action: "unsubscribe"; list: ListOf }
  | { action: "send"; actor: string; command_id: string; command: unknown; resent?: boolean }
  | { action: "signal"; actor: string; signal: unknown }
  | { action: "ping"; positions?: Record<string, string> };

export interface Welcome {
  type: "welcome";
  principal: Principal;
  outbox: string;
  in_flight: number;
  limits: { frame_bytes: number; signal_bytes: number; ping_seconds: number };
  server: { version: string };
}
export interface Resumed {
  type: "resumed";
  actor: string;
  as: As;
  kind: ResumedKind;
  position: string;
  code?: number;
  message?: string;
}
export interface Snapshot {
  type: "snapshot";
  actor: string;
  position: string;
  etag: string;
  view: unknown;
  reset?: boolean;
}
export interface Patch {
  type: "patch";
  actor: string;
  base: string;
  etag: string;
  position: string;
  ops: PatchOp[];
}
export interface Events {
  type: "events";
  actor: string;
  position: string;
  after_seq: number;
  through_seq: number;
  events: EventRow[];
}
export interface Accepted {
  type: "accepted";
  actor: string;
  command_id: string;
  position: string;
  etag?: string;
  again?: boolean;
}
export interface Rejected {
  type: "rejected";
  actor: string;
  command_id: string;
  code: number;
  name: string;
  message: string;
  retry_after?: number;
  reason?: string;
  /** The commit that keeps this refusal: no copy of the command is carried out any more. */
  position?: string;
}
export interface Signal {
  type: "signal";
  actor: string;
  from?: Person;
  task?: string;
  signal: unknown;
}
export interface Presence {
  type: "presence";
  actor: string;
  here: Person[];
  count: number;
}
export interface ErrorFrame {
  type: "error";
  code: number;
  name: string;
  message: string;
  /** The action that this answers; none where nothing was asked, such as at the end of a subscription. */
  action?: ClientFrame["action"];
  actor?: string;
  as?: As;
  retry_after?: number;
}
export interface Goodbye {
  type: "goodbye";
  code: number;
  name: string;
  message: string;
  retry_after?: number;
}
export interface Pong {
  type: "pong";
  behind: Record<string, string>;
}
/** A list has no history, so there is no position: its etag alone says what is held. */
export interface ListResumed {
  type: "resumed";
  list: ListOf;
  kind: "current" | "snapshot";
}
export interface ListSnapshot {
  type: "snapshot";
  list: ListOf;
  etag: string;
  view: { rows: Record<string, unknown>; next?: string };
}
export interface ListPatch {
  type: "patch";
  list: ListOf;
  base: string;
  etag: string;
  ops: PatchOp[];
}
export interface ListError extends Omit<ErrorFrame, "actor" | "as"> {
  list: ListOf;
}
export type ListFrame = ListResumed | ListSnapshot | ListPatch | ListError;
export type ActorFrame =
  | Welcome | Resumed | Snapshot | Patch | Events | Accepted | Rejected | Signal | Presence | ErrorFrame | Goodbye | Pong;
export type ServerFrame = ActorFrame | ListFrame;

export class FrameError extends Error {}

type Check = (value: unknown) => boolean;
interface Shape {
  readonly must: Record<string, Check>;
  readonly may?: Record<string, Check>;
}

const isText: Check = (value) => typeof value === "string";
const isWhole: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isFlag: Check = (value) => typeof value === "boolean";
const isAny: Check = (value) => value !== undefined;
const isPlace: Check = (value) => typeof value === "string" && isPosition(value);
const isEtag: Check = (value) => typeof value === "string" && /^[0-9a-f]{16}$/.test(value);
const isActor: Check = (value) => typeof value === "string" && /^[\w-]{1,64}\/[\w-]{1,64}$/.test(value);
const isCommandId: Check = (value) => typeof value === "string" && /^.+:\d{1,15}$/.test(value);
const oneOf = (...names: string[]): Check => (value) => names.includes(value as string);
const isAs = oneOf("view", "events");

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}
function mapOf(check: Check): Check {
  return (value) => isMap(value) && Object.values(value).every(check);
}
function shaped(shape: Shape): Check {
  return (value) => isMap(value) && misfit(value, shape) === null;
}

const person = shaped({ must: { id: isText, name: isText } });
const principal = shaped({ must: { id: isText, name: isText, roles: listOf(isText) } });
const limits = shaped({ must: { frame_bytes: isWhole, signal_bytes: isWhole, ping_seconds: isWhole } });
const eventRow = shaped({ must: { seq: isWhole, index: isWhole, at: isWhole, event: isAny } });
const fault = { code: isWhole, name: isText, message: isText };

const listOfKind = shaped({ must: { kind: isText }, may: { mine: isFlag, status: isText } });
const listView = shaped({ must: { rows: mapOf(isMap) }, may: { next: isText } });

/** `value` may be any JSON, null too, but not absent; only `remove` has none. */
const patchOp: Check = (value) =>
  isMap(value) &&
  isText(value["path"]) &&
  (value["op"] === "remove" || (oneOf("add", "replace")(value["op"]) && value["value"] !== undefined));

const CLIENT: Record<ClientFrame["action"], Shape> = {
  hello: { must: { token: isText }, may: { outbox: isText } },
  subscribe: {
    must: { actor: isActor },
    may: { as: isAs, from: (value) => value === "start" || isPlace(value), etag: isEtag },
  },
  unsubscribe: { must: { actor: isActor }, may: { as: isAs } },
  send: { must: { actor: isActor, command_id: isCommandId, command: isAny }, may: { resent: isFlag } },
  signal: { must: { actor: isActor, signal: isAny } },
  ping: { must: {}, may: { positions: mapOf(isPlace) } },
};

const CLIENT_LIST: Record<string, Shape> = {
  subscribe: { must: { list: listOfKind }, may: { etag: isEtag } },
  unsubscribe: { must: { list: listOfKind } },
};

const SERVER: Record<ServerFrame["type"], Shape> = {
  welcome: {
    must: { principal, outbox: isText, in_flight: isWhole, limits, server: shaped({ must: { version: isText } }) },
  },
  resumed: {
    must: { actor: isActor, as: isAs, kind: oneOf("current", "tail", "snapshot", "reset", "gone"), position: isPlace },
    may: { code: isWhole, message: isText },
  },
  snapshot: { must: { actor: isActor, position: isPlace, etag: isEtag, view: isAny }, may: { reset: isFlag } },
  patch: { must: { actor: isActor, base: isEtag, etag: isEtag, position: isPlace, ops: listOf(patchOp) } },
  events: {
    must: { actor: isActor, position: isPlace, after_seq: isWhole, through_seq: isWhole, events: listOf(eventRow) },
  },
  accepted: {
    must: { actor: isActor, command_id: isCommandId, position: isPlace },
    may: { etag: isEtag, again: isFlag },
  },
  rejected: {
    must: { actor: isActor, command_id: isCommandId, ...fault },
    may: { retry_after: isWhole, reason: isText, position: isPlace },
  },
  signal: { must: { actor: isActor, signal: isAny }, may: { from: person, task: isText } },
  presence: { must: { actor: isActor, here: listOf(person), count: isWhole } },
  error: { must: fault, may: { action: isText, actor: isActor, as: isAs, retry_after: isWhole } },
  goodbye: { must: fault, may: { retry_after: isWhole } },
  pong: { must: { behind: mapOf(isPlace) } },
};

const SERVER_LIST: Record<ListFrame["type"], Shape> = {
  resumed: { must: { list: listOfKind, kind: oneOf("current", "snapshot") } },
  snapshot: { must: { list: listOfKind, etag: isEtag, view: listView } },
  patch: { must: { list: listOfKind, base: isEtag, etag: isEtag, ops: listOf(patchOp) } },
  error: { must: { list: listOfKind, ...fault }, may: { action: isText, retry_after: isWhole } },
};

/** Null for a type that this client does not know; throws FrameError for a known one that is malformed. */
export function decodeServerFrame(value: unknown): ServerFrame | null {
  return decode(value, "type", isOfList(value) ? SERVER_LIST : SERVER) as ServerFrame | null;
}

export function decodeClientFrame(value: unknown): ClientFrame | null {
  return decode(value, "action", isOfList(value) ? CLIENT_LIST : CLIENT) as ClientFrame | null;
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FrameError("a frame is not JSON");
  }
}

/** The frames of lists are those of actors, with `list` in the place of `actor`. */
function isOfList(value: unknown): boolean {
  return isMap(value) && value["list"] !== undefined;
}

function decode(value: unknown, tag: "type" | "action", shapes: Record<string, Shape>): unknown {
  if (!isMap(value) || typeof value[tag] !== "string") throw new FrameError(`a frame has no ${tag}`);
  const name = value[tag];
  const shape = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
  if (shape === undefined) return null;
  const field = misfit(value, shape);
  if (field !== null) throw new FrameError(`${name}: ${field} is missing or malformed`);
  return value;
}

function misfit(value: Record<string, unknown>, shape: Shape): string | null {
  for (const [field, check] of Object.entries(shape.must)) if (!check(value[field])) return field;
  for (const [field, check] of Object.entries(shape.may ?? {})) {
    if (value[field] !== undefined && !check(value[field])) return field;
  }
  return null;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
