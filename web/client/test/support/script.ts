/** A reducer script: inputs in, and the effects and the state that they lead to. */
import type { ServerFrame, Welcome } from "../../src/frames.js";
import { nextDeadline, reduce, statusOf, subStatusOf } from "../../src/session/reduce.js";
import type { Command, Effect, Input, Optimistic, SessionState, Sub } from "../../src/session/state.js";
import { initialState, subKey } from "../../src/session/step.js";

export const OUTBOX = "m3vq2k8g-7f3a9c";
export const TODO = "todo/a";

export function pos(seq: number, epoch = 1): string {
  return `${epoch}:${seq}:${seq.toString(16).padStart(16, "0")}`;
}
export function etag(n: number): string {
  return n.toString(16).padStart(16, "0");
}
export function welcome(changes: Partial<Welcome> = {}): Welcome {
  return {
    type: "welcome",
    principal: { id: "u-1", name: "Ada", roles: [] },
    outbox: OUTBOX,
    in_flight: 64,
    limits: { frame_bytes: 65536, signal_bytes: 4096, ping_seconds: 25 },
    server: { version: "0.1.0" },
    ...changes,
  };
}

export class Script {
  state: SessionState;
  now = 1_000_000;
  random = 0.5;
  /** The effects of the last input. */
  effects: readonly Effect[] = [];
  #key = 0;

  constructor(options: { choice?: "auto" | "ws" | "sse"; canSocket?: boolean; byTicket?: boolean } = {}) {
    const { choice = "auto", canSocket = true, byTicket = false } = options;
    this.state = initialState({ choice, canSocket, byTicket }, this.now);
  }

  give(input: Input): this {
    const before = JSON.stringify([...this.state.subs]) + JSON.stringify(this.state);
    const old = this.state;
    const { state, effects } = reduce(old, input, { now: this.now, random: this.random });
    // The reducer is pure: what it was given is as it was.
    if (JSON.stringify([...old.subs]) + JSON.stringify(old) !== before) throw new Error("the reducer changed its argument");
    this.state = state;
    this.effects = effects;
    return this;
  }
  frame(frame: ServerFrame): this {
    return this.give({ input: "frame", number: this.state.number, frame });
  }
  after(ms: number): this {
    this.now += ms;
    return this.give({ input: "tick" });
  }
  /** Moves to the next deadline. */
  wake(): this {
    const at = nextDeadline(this.state);
    if (at === null) throw new Error("nothing is due");
    return this.after(Math.max(0, at - this.now));
  }
  open(changes: Partial<Welcome> = {}): this {
    if (this.state.line.at === "waiting") this.wake();
    this.give({ input: "adopt", owner: "u-1", kept: this.state.owner === null ? null : keptOf(this.state) });
    return this.reopen(changes);
  }
  /** Through the connecting, with what the session holds. */
  reopen(changes: Partial<Welcome> = {}): this {
    if (this.state.line.at === "waiting") this.wake();
    this.give({ input: "opened", number: this.state.number, token: "t" });
    return this.frame(welcome(changes));
  }
  drop(): this {
    return this.give({ input: "dropped", number: this.state.number, fault: null });
  }
  send(command: unknown = { type: "add" }, optimistic: Optimistic | null = null, actor = TODO): number {
    this.#key += 1;
    this.give({ input: "send", key: this.#key, actor, command, optimistic });
    return this.#key;
  }
  watch(actor = TODO, as: "view" | "events" = "view", from: string | null = null): this {
    return this.give({ input: "subscribe", actor, as, from });
  }
  /** A view subscription that holds `view` at `seq`. */
  watching(view: unknown, seq = 1): this {
    this.watch();
    this.frame({ type: "resumed", actor: TODO, as: "view", kind: "snapshot", position: pos(seq) });
    return this.frame({ type: "snapshot", actor: TODO, position: pos(seq), etag: etag(seq), view });
  }

  get sent(): unknown[] {
    return this.effects.filter((effect) => effect.do === "transmit").map((effect) => effect.frame);
  }
  of<D extends Effect["do"]>(name: D): (Effect & { do: D })[] {
    return this.effects.filter((effect) => effect.do === name) as (Effect & { do: D })[];
  }
  sub(as: "view" | "events" = "view", actor = TODO): Sub {
    return this.state.subs.get(subKey(actor, as)) as Sub;
  }
  get commands(): readonly Command[] {
    return this.state.outbox.commands;
  }
  get status(): string {
    return statusOf(this.state);
  }
  get subStatus(): string {
    return subStatusOf(this.state, this.sub());
  }
}

function keptOf(state: SessionState): { outbox: string | null; nextN: number; commands: [] } {
  return { outbox: state.outbox.id, nextN: state.outbox.nextN, commands: [] };
}
