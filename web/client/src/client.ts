import { systemClock } from "./clock.js";
import { DormouseError, localFault } from "./errors.js";
import { actorKind } from "./handle.js";
import { requester, type FetchLike, type Requester } from "./http.js";
import { Keeper } from "./keeper.js";
import { statusOf, waitingOf } from "./session/reduce.js";
import type { Status } from "./session/state.js";
import { Session, type World } from "./session.js";
import { locksOf } from "./storage/locks.js";
import { browserStorage, type StorageLike } from "./storage/storage.js";
import { guestTokens, tokensOf, type TokenSource } from "./tokens.js";
import { dialSse } from "./transport/sse.js";
import { dialSocket, probeSocket, socketUrl, type SocketConstructor } from "./transport/websocket.js";
import type { ActorKind, Client, ClientOptions, HostInfo, Kinds } from "./types.js";
import { Ways } from "./ways.js";

/** A client that connects at once and stays connected until it is closed. */
export function createClient<K extends Kinds = Kinds>(options: ClientOptions = {}): Client<K> {
  const endpoint = (options.endpoint ?? defaultEndpoint()).replace(/\/+$/, "");
  const Socket = options.WebSocket ?? (globalThis.WebSocket as unknown as SocketConstructor | undefined);
  if (options.transport === "ws" && Socket === undefined) throw new TypeError("there is no WebSocket here; pass one");
  const choice = { choice: options.transport ?? "auto", canSocket: Socket !== undefined };
  const session = new Session(worldOf(endpoint, options, Socket), choice);
  return clientOf<K>(session, endpoint);
}

function worldOf(endpoint: string, options: ClientOptions, Socket: SocketConstructor | undefined): World {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const storage = options.storage === undefined ? browserStorage() : options.storage;
  // Called as a method of something else, the browser's fetch refuses to work.
  const fetch: FetchLike = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
  const request = requester(fetch, endpoint);
  const prefix = `dormouse:${endpoint}`;
  return {
    clock,
    random,
    request,
    tokens: tokenSource(options, request, storage, prefix),
    keeper: storage === null ? null : new Keeper(storage, locksOf(storage, clock, random), prefix),
    ways: new Ways(request, storage, `${prefix}:way`),
    dial(transport, address, token, hooks) {
      return transport === "ws" && Socket !== undefined
        ? dialSocket(Socket, address ?? socketUrl(endpoint), hooks)
        : dialSse({ fetch, endpoint, clock }, token, hooks);
    },
    probe: (done) => (Socket === undefined ? done(false) : probeSocket(Socket, endpoint, done)),
  };
}

function tokenSource(
  options: ClientOptions, request: Requester, storage: StorageLike | null, prefix: string,
): TokenSource {
  if (options.token !== undefined) return tokensOf(options.token);
  return guestTokens(request, storage, `${prefix}:guest`, options.name);
}

function clientOf<K extends Kinds>(session: Session, endpoint: string): Client<K> {
  const forget = watchPage(session);
  const error = errorMemo(session);
  return {
    endpoint,
    get status() {
      return statusOf(session.state);
    },
    get principal() {
      return session.state.principal;
    },
    get waiting() {
      return waitingOf(session.state);
    },
    get error() {
      return error();
    },
    onStatus: (fn) => onStatus(session, fn),
    onChange: (fn) => onChange(session, fn),
    unplug: () => session.dispatch({ input: "unplug" }),
    plug: () => session.dispatch({ input: "plug" }),
    close() {
      forget();
      session.close();
    },
    kinds: () => session.request("GET", "/v1") as Promise<HostInfo>,
    actor: <N extends keyof K & string>(kind: N): ActorKind<K[N]> => actorKind<K[N]>(session, kind),
  };
}

function onStatus(session: Session, fn: (status: Status) => void): () => void {
  let last = statusOf(session.state);
  return watch(session, () => {
    const status = statusOf(session.state);
    if (status === last) return;
    last = status;
    fn(status);
  });
}

function onChange(session: Session, fn: () => void): () => void {
  const facts = (): unknown[] => {
    const { state } = session;
    return [statusOf(state), state.principal, waitingOf(state), state.error];
  };
  let last = facts();
  return watch(session, () => {
    const next = facts();
    if (next.every((fact, at) => fact === last[at])) return;
    last = next;
    fn();
  });
}

function watch(session: Session, watcher: () => void): () => void {
  session.watchers.add(watcher);
  return () => void session.watchers.delete(watcher);
}

function errorMemo(session: Session): () => DormouseError | null {
  let held: DormouseError | null = null;
  return () => {
    const fault = session.state.error;
    if ((held?.fault ?? null) !== fault) held = fault === null ? null : new DormouseError(fault);
    return held;
  };
}

/** The browser knows of a lost network before a socket does, and tells whether somebody looks and when the page goes for good. */
function watchPage(session: Session): () => void {
  if (typeof window === "undefined") return () => undefined;
  const network = (): void => session.dispatch({ input: "network", online: navigator.onLine !== false });
  const { document: page } = globalThis as { document?: Document };
  const sight = (): void => session.dispatch({ input: "visible", visible: page?.visibilityState !== "hidden" });
  // A page that may come back from the back-forward cache keeps its outbox.
  const leave = (event: PageTransitionEvent): void => void (event.persisted || session.world.keeper?.end());
  window.addEventListener("online", network);
  window.addEventListener("offline", network);
  window.addEventListener("pagehide", leave);
  page?.addEventListener("visibilitychange", sight);
  if (page?.visibilityState === "hidden") sight();
  if (navigator.onLine === false) network();
  return () => {
    window.removeEventListener("online", network);
    window.removeEventListener("offline", network);
    window.removeEventListener("pagehide", leave);
    page?.removeEventListener("visibilitychange", sight);
  };
}

function defaultEndpoint(): string {
  if (typeof location !== "undefined" && location.origin !== "null") return location.origin;
  throw new DormouseError(localFault("no_endpoint", "Outside of a page, createClient needs an endpoint.", "stop"));
}

