/** One reduction under way: a private copy of the state that the handlers change, and the effects they ask for. */
import { FRAME_BYTES, PROBE_MS, SIGNAL_BYTES } from "../limits.js";
import type { ListOf } from "../frames.js";
import type { Command, Effect, Env, Options, Outbox, SessionState, Sub } from "./state.js";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface Step {
  readonly s: Mutable<SessionState>;
  readonly env: Env;
  readonly effects: Effect[];
}

export function initialState(options: Options, now: number): SessionState {
  const transport = options.choice === "sse" || !options.canSocket ? "sse" : "ws";
  return {
    line: { at: "waiting", until: now },
    number: 0,
    choice: options.choice,
    canSocket: options.canSocket,
    transport,
    socketFailures: 0,
    byTicket: options.byTicket,
    probeAt: null,
    attempt: 0,
    everLive: false,
    online: true,
    visible: true,
    closed: false,
    verdict: null,
    freshToken: false,
    error: null,
    principal: null,
    owner: null,
    inFlight: 1,
    pingMs: PROBE_MS,
    frameBytes: FRAME_BYTES,
    signalBytes: SIGNAL_BYTES,
    outbox: { id: null, nextN: 1, spent: false, commands: [] },
    subs: new Map(),
    presence: new Map(),
  };
}

export function putSub(step: Step, sub: Sub): void {
  const subs = new Map(step.s.subs);
  subs.set(sub.key, sub);
  step.s.subs = subs;
}

export function removeSub(step: Step, key: string): void {
  const subs = new Map(step.s.subs);
  subs.delete(key);
  step.s.subs = subs;
}

export function putOutbox(step: Step, changes: Partial<Outbox>): void {
  step.s.outbox = { ...step.s.outbox, ...changes };
}

export function mapCommands(step: Step, change: (command: Command) => Command | null): void {
  const before = step.s.outbox.commands;
  const after = before.map(change).filter((command) => command !== null);
  const same = after.length === before.length && after.every((command, at) => command === before[at]);
  if (!same) putOutbox(step, { commands: after });
}

export function subKey(actor: string, as: string): string {
  return `${actor}|${as}`;
}

export function listOf(kind: string, mine: boolean | undefined, status: string | undefined): ListOf {
  return { kind, ...(mine === true ? { mine } : {}), ...(status === undefined ? {} : { status }) };
}

/** Stands for a list where actors stand: the same for every way to ask for the same rows. No actor's name is JSON. */
export function nameOf({ kind, mine, status }: ListOf): string {
  return JSON.stringify(listOf(kind, mine, status));
}
