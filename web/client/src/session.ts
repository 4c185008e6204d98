/**
 * The world around the reducer: it feeds inputs in one at a time, carries the effects out, keeps one timer
 * for the next deadline, and tells listeners once the state is settled.
 */
import type { Clock } from "./clock.js";
import { DormouseError, faultOfUnknown, localFault, type Fault } from "./errors.js";
import type { ListOf, ServerFrame, Signal } from "./frames.js";
import type { Requester } from "./http.js";
import type { Keeper } from "./keeper.js";
import { ORPHANS_MS } from "./limits.js";
import { LeftCommands } from "./restored.js";
import { isRestored } from "./session/outbox.js";
import { nextDeadline, reduce, statusOf } from "./session/reduce.js";
import type { Answer, Effect, Input, Kept, Optimistic, Options, SessionState, TransportName } from "./session/state.js";
import { initialState } from "./session/step.js";
import { principalOf, type TokenSource } from "./tokens.js";
import type { ActorRow, ListOptions } from "./types.js";
import type { Hooks, Transport } from "./transport/transport.js";
import type { Ways } from "./ways.js";

export interface World {
  readonly clock: Clock;
  readonly random: () => number;
  readonly tokens: TokenSource;
  readonly keeper: Keeper | null;
  readonly request: Requester;
  readonly ways: Ways;
  /** A socket opens at `address`, or at the host itself. */
  dial(transport: TransportName, address: string | null, token: string, hooks: Hooks): Transport;
  probe(done: (opens: boolean) => void): void;
}

/** A listener's end of a subscription. */
export interface Listener {
  readonly sub: string;
  effect(effect: Effect): void;
  /** The state moved on; compare and tell. */
  refresh(): void;
}

type Page = Readonly<{ rows: readonly ActorRow[]; next?: string }>;

interface Deferred {
  resolve(answer: Answer): void;
  reject(error: DormouseError): void;
}

export class Session {
  state: SessionState;
  readonly world: World;
  readonly listeners = new Set<Listener>();
  readonly watchers = new Set<() => void>();
  readonly signals = new Map<string, Set<(signal: Signal) => void>>();
  readonly left = new LeftCommands((key, optimistic) => this.dispatch({ input: "show", key, optimistic }));
  readonly #deferred = new Map<number, Deferred>();
  readonly #inputs: Input[] = [];
  #busy = false;
  #nextKey = 1;
  #transport: Transport | null = null;
  #latest = 0;
  #behind = 0;
  #token: string | null = null;
  #cancelTimer: () => void = () => undefined;
  #cancelSweep: () => void = () => undefined;

  constructor(world: World, options: Omit<Options, "byTicket">) {
    this.world = world;
    this.state = initialState({ ...options, byTicket: world.ways.byTicket }, this.#now());
    this.#arm();
    this.#planSweep();
  }

  dispatch(input: Input): void {
    this.#inputs.push(input);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) this.#apply(next);
    } finally {
      this.#busy = false;
    }
    this.#arm();
    for (const listener of [...this.listeners]) safely(() => listener.refresh());
    for (const watcher of [...this.watchers]) safely(watcher);
  }

  send(actor: string, command: unknown, optimistic: Optimistic | null): Promise<Answer> {
    const key = this.#nextKey++;
    const answer = this.#answerTo(key);
    this.dispatch({ input: "send", key, actor, command, optimistic });
    return answer;
  }

  /** For HTTP. A host that refuses the token is asked once more, with a fresh one. */
  async request(method: string, path: string, ask: Omit<Parameters<Requester>[2], "token"> = {}): Promise<unknown> {
    try {
      return await this.world.request(method, path, { ...ask, token: this.#token ?? (await this.#getToken(false)) });
    } catch (error) {
      if (faultOfUnknown(error).kind !== "sign_in") throw error;
      return this.world.request(method, path, { ...ask, token: await this.#getToken(true) });
    }
  }

  close(): void {
    this.#cancelSweep();
    this.world.keeper?.end();
    this.dispatch({ input: "close" });
  }

  #apply(input: Input): void {
    const before = this.state;
    const { state, effects } = reduce(before, input, { now: this.#now(), random: this.world.random() });
    this.state = state;
    if (state.byTicket !== before.byTicket) this.world.ways.keep(state.byTicket);
    // Numbers are stored before they are sent, so that a reload in between cannot use one twice.
    const saved = state.outbox === before.outbox || state.closed || (this.world.keeper?.save(state.outbox) ?? true);
    if (!saved) this.#inputs.unshift({ input: "outbox_taken" });
    for (const effect of effects) if (saved || effect.do !== "transmit") this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.do) {
      case "connect":
        return void this.#connect(effect);
      case "ask_way":
        return void this.#askWay(effect.number);
      case "disconnect":
        this.#transport?.close();
        this.#transport = null;
        return;
      case "probe":
        return this.world.probe((opens) => this.dispatch({ input: "probed", opens }));
      case "read":
        return void this.#read(effect);
      case "transmit":
        return this.#transport?.send(effect.frame);
      case "settle":
        this.#deferred.get(effect.key)?.resolve(effect.answer);
        return void this.#deferred.delete(effect.key);
      case "reject":
        this.#deferred.get(effect.key)?.reject(new DormouseError(effect.fault));
        return void this.#deferred.delete(effect.key);
      case "signal":
        for (const fn of [...(this.signals.get(effect.signal.actor) ?? [])]) safely(() => fn(effect.signal));
        return;
      case "view":
      case "events":
      case "resumed":
      case "ended":
        for (const listener of [...this.listeners]) if (listener.sub === effect.sub) safely(() => listener.effect(effect));
    }
  }

  async #read({ sub, read, of }: Effect & { do: "read" }): Promise<void> {
    try {
      const answer = await this.#readOnce(of);
      this.dispatch({ input: "read", sub, read, answer });
    } catch (error) {
      this.dispatch({ input: "unread", sub, read, fault: faultOfUnknown(error) });
    }
  }

  #readOnce(of: ListOf | string): Promise<unknown> {
    if (typeof of === "string") return this.request("GET", `/v1/${of}`);
    const { kind, ...which } = of;
    return pageOf(this, kind, which);
  }

  async #connect({ number, transport, byTicket, freshToken }: Effect & { do: "connect" }): Promise<void> {
    let dialing = false;
    try {
      const token = await this.#getToken(freshToken);
      await this.#own(token);
      if (!this.#isCurrent(number)) return;
      const address = byTicket ? await this.world.ways.ask(token) : null;
      if (!this.#isCurrent(number)) return;
      if (byTicket && address === null) return this.dispatch({ input: "way", number, byTicket: false, fault: null });
      dialing = true;
      this.#transport = this.world.dial(transport, address, token, this.#hooks(number, token));
    } catch (error) {
      this.dispatch({ input: "dropped", number, fault: faultOfToken(error), unopened: dialing });
    }
  }

  async #askWay(number: number): Promise<void> {
    try {
      const address = await this.world.ways.ask(this.#token ?? (await this.#getToken(false)));
      this.dispatch({ input: "way", number, byTicket: address !== null, fault: null });
    } catch (error) {
      this.dispatch({ input: "way", number, byTicket: false, fault: faultOfUnknown(error) });
    }
  }

  #isCurrent(number: number): boolean {
    return this.state.number === number && this.state.line.at === "opening";
  }

  async #getToken(fresh: boolean): Promise<string> {
    this.#token = await this.world.tokens.get(fresh);
    return this.#token;
  }

  async #own(token: string): Promise<void> {
    const owner = principalOf(token)?.id ?? "-";
    const kept: Kept | null | undefined = await this.world.keeper?.own(owner);
    const known = kept === undefined && (this.world.keeper !== null || this.state.owner === owner);
    if (!known && !this.state.closed) this.#adopt(owner, kept ?? null);
  }

  #adopt(owner: string, kept: Kept | null): void {
    this.dispatch({ input: "adopt", owner, kept });
    this.left.forget();
    for (const { key, actor, command, sends } of this.state.outbox.commands.filter(isRestored)) {
      this.left.add(key, actor, { command, sent: sends > 0, answer: this.#answerTo(key) });
    }
  }

  #answerTo(key: number): Promise<Answer> {
    return new Promise((resolve, reject) => void this.#deferred.set(key, { resolve, reject }));
  }

  #hooks(number: number, token: string): Hooks {
    return {
      opened: () => this.dispatch({ input: "opened", number, token }),
      frame: (frame: ServerFrame) => this.dispatch({ input: "frame", number, frame }),
      dropped: (fault, unopened) => this.dispatch({ input: "dropped", number, fault, unopened }),
    };
  }

  #arm(): void {
    this.#cancelTimer();
    const at = nextDeadline(this.state);
    if (at === null) return;
    this.#cancelTimer = this.world.clock.after(at - this.#now(), () => this.dispatch({ input: "tick" }));
  }

  /** A clock that is set back would put off every deadline by as much. Here its time stands for a moment, and goes on. */
  #now(): number {
    const now = this.world.clock.now();
    this.#behind = Math.max(this.#behind, this.#latest - now);
    this.#latest = now + this.#behind;
    return this.#latest;
  }

  #planSweep(): void {
    if (this.world.keeper === null) return;
    this.#cancelSweep = this.world.clock.after(ORPHANS_MS, () => {
      this.#planSweep();
      void this.#sweep();
    });
  }

  async #sweep(): Promise<void> {
    const { keeper, request } = this.world;
    if (keeper === null || this.#token === null || statusOf(this.state) !== "live") return;
    const commands = await keeper.sweep(request, this.#token).catch(() => []);
    for (const { actor, command } of commands) {
      const key = this.#nextKey++;
      const answer = this.#answerTo(key);
      this.dispatch({ input: "send", key, actor, command, optimistic: null });
      this.left.add(key, actor, { command, sent: false, answer });
    }
  }
}

/** Some hosts write what they leave out as null; a reader of the types would take it for a value. */
export async function pageOf(session: Session, kind: string, options: ListOptions): Promise<Page> {
  const page = (await session.request("GET", `/v1/${kind}`, { query: { ...options } })) as Page;
  return { ...withoutNulls(page), rows: page.rows.map(withoutNulls) } as Page;
}

function withoutNulls(facts: object): object {
  return Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== null));
}

/** What an application's token function throws is its own; it may well work the next time. */
function faultOfToken(error: unknown): Fault {
  if (error instanceof DormouseError) return error.fault;
  return localFault("token_failed", error instanceof Error ? error.message : String(error), "retry");
}

/** A listener that throws must not stop the others, nor the session; the page's error handler still hears of it. */
export function safely(fn: () => void): void {
  try {
    fn();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
