/** One actor as the application sees it, and one kind of them. */
import { wait } from "./clock.js";
import { DormouseError, faultOfUnknown } from "./errors.js";
import { Feed } from "./feed.js";
import { ListFeed } from "./list_feed.js";
import { ENVELOPE_BYTES, STATUS_BYTES_MAX } from "./limits.js";
import { backoffMs } from "./backoff.js";
import type { Signal } from "./frames.js";
import { isPosition } from "./position.js";
import type { Taker } from "./restored.js";
import { pageOf, type Session } from "./session.js";
import { listOf } from "./session/step.js";
import { bytesOf, tooLarge } from "./size.js";
import type { Optimistic } from "./session/state.js";
import type {
  Accepted, ActorKind, ActorTypes, EventsPage, Handle, History, ListOptions, SendOptions, SignalNote, ViewAt, WatchOptions,
} from "./types.js";

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
/** Tries of a `create`, which its key makes safe to repeat. */
const CREATE_TRIES = 4;

export function actorKind<T extends ActorTypes>(session: Session, kind: string): ActorKind<T> {
  checkName("kind", kind);
  return {
    kind,
    async create(config, options = {}) {
      const key = options.key ?? randomKey(session.world.random);
      const answer = await create(session, kind, config ?? {}, key);
      return handleOf<T>(session, kind, answer.id);
    },
    get: (id) => handleOf<T>(session, kind, id),
    watch: ({ mine, status }: WatchOptions = {}) => {
      if (status !== undefined && bytesOf(status) > STATUS_BYTES_MAX) throw new TypeError("a status has at most 512 bytes");
      return new ListFeed(session, listOf(kind, mine, status));
    },
    list: (options: ListOptions = {}) => pageOf(session, kind, options),
  };
}

function handleOf<T extends ActorTypes>(session: Session, kind: string, id: string): Handle<T> {
  checkName("id", id);
  const actor = `${kind}/${id}`;
  const path = `/v1/${actor}`;
  const handle = {
    kind,
    id,
    send: (command: T["command"], options: SendOptions<T["view"]> = {}) => send(session, actor, command, options),
    onRestored: (fn: Taker) => session.left.onRestored(actor, fn),
    subscribe(options: { as?: "view" | "events"; from?: string } = {}) {
      checkFrom(options.from);
      return new Feed(session, kind, id, options.as ?? "view", options.from ?? null);
    },
    signal: (payload: unknown) => signal(session, actor, payload),
    onSignal: (fn: (note: SignalNote) => void) => onSignal(session, actor, fn),
    at: (seq: number) => session.request("GET", path, { query: { at_seq: seq } }) as Promise<ViewAt<T["view"]>>,
    history: (options: { buckets?: number } = {}) =>
      session.request("GET", `${path}/history`, { query: { ...options } }) as Promise<History>,
    events: (options: { afterSeq?: number; limit?: number } = {}) =>
      session.request("GET", `${path}/events`, { query: { after_seq: options.afterSeq, limit: options.limit } }) as Promise<
        EventsPage<T["event"]>
      >,
    retire: () => session.request("DELETE", path) as Promise<{ position: string }>,
  };
  // The feed is untyped inside; `as` decides which of the two subscriptions it is.
  return handle as unknown as Handle<T>;
}

async function create(session: Session, kind: string, config: unknown, key: string): Promise<{ id: string }> {
  const { clock, random } = session.world;
  for (let tries = 0; ; tries += 1) {
    try {
      const headers = { "idempotency-key": key };
      return (await session.request("POST", `/v1/${kind}`, { body: config, headers })) as { id: string };
    } catch (error) {
      const fault = faultOfUnknown(error);
      if (fault.kind !== "retry" || tries + 1 >= CREATE_TRIES) throw error;
      await wait(clock, backoffMs(tries, random(), fault.retryAfter));
    }
  }
}

function send<V>(session: Session, actor: string, command: unknown, options: SendOptions<V>): Promise<Accepted> {
  const text = JSON.stringify(command) as string | undefined;
  if (text === undefined) return Promise.reject(new TypeError("a command is JSON"));
  // The frame around the command counts too. Sent, it would end the connection, again and again.
  const room = session.state.frameBytes - ENVELOPE_BYTES;
  if (bytesOf(text) > room) return Promise.reject(new DormouseError(tooLarge("command", room)));
  // A copy: the same id must always carry the same body, whatever the caller does with theirs.
  return session.send(actor, JSON.parse(text), (options.optimistic as Optimistic | undefined) ?? null);
}

function signal(session: Session, actor: string, payload: unknown): void {
  const text = JSON.stringify(payload) as string | undefined;
  if (text === undefined) throw new TypeError("a signal is JSON");
  if (bytesOf(text) > session.state.signalBytes) throw new DormouseError(tooLarge("signal", session.state.signalBytes));
  session.dispatch({ input: "signal", actor, signal: payload });
}

function onSignal(session: Session, actor: string, fn: (note: SignalNote) => void): () => void {
  const listener = ({ from, task, signal: payload }: Signal): void =>
    fn({ ...(from === undefined ? {} : { from }), ...(task === undefined ? {} : { task }), signal: payload });
  const listeners = session.signals.get(actor) ?? new Set();
  session.signals.set(actor, listeners.add(listener));
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && session.signals.get(actor) === listeners) session.signals.delete(actor);
  };
}

function checkName(what: string, name: string): void {
  if (!NAME.test(name)) throw new TypeError(`${what} is 1 to 64 of A-Z, a-z, 0-9, _ and -`);
}

function checkFrom(from: string | undefined): void {
  if (from !== undefined && from !== "start" && !isPosition(from)) throw new TypeError("from is a position, or start");
}

function randomKey(random: () => number): string {
  const part = (): string => Math.floor(random() * 2 ** 52).toString(36).padStart(11, "0");
  return part() + part();
}
