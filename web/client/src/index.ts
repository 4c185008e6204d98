export { createClient } from "./client.js";
export type { Clock } from "./clock.js";
export { Code, CODES, type CodeName, type CodeRow } from "./codes.js";
export { DormouseError, kindOfCode, type KindOfError } from "./errors.js";
export type { As, Person, Principal, ResumedKind } from "./frames.js";
export type { FetchLike } from "./http.js";
export { applyPatch, type PatchOp } from "./patch.js";
export { comparePositions, placeOf, type Place } from "./position.js";
export type { ResumedNote, Status, TransportChoice } from "./session/state.js";
export type { StorageLike } from "./storage/storage.js";
export type { SocketConstructor, SocketLike } from "./transport/websocket.js";
export type {
  Accepted, ActorKind, ActorRow, ActorTypes, Client, ClientOptions, EventOf, EventsPage, EventsSubscription, EventsUpdate,
  Handle, History, HostInfo, Kinds, ListOptions, ListSubscription, ListUpdate, Pending, Restored, SendOptions, SignalNote, Subscription, ViewAt, ViewSubscription,
  ViewUpdate, WatchOptions,
} from "./types.js";
