/** The session reducer: state and one input in, state and effects out. The only way that a session changes. */
import { Code } from "../codes.js";
import { localFault } from "../errors.js";
import type { ServerFrame } from "../frames.js";
import { ANSWER_MS } from "../limits.js";
import {
  checkLive, close, doubtLine, hangUp, isCurrent, onDropped, onError, onGoodbye, onNetwork, onOpened, onPong, onProbed, onWay, onWelcome,
  plug, tickLine, unplug,
} from "./line.js";
import { adopt, enqueue, isUnanswered, leaveSpent, onAccepted, onRejected, onSpent, onTaken, resendLate, show } from "./outbox.js";
import { onListFrame } from "./lists.js";
import { onRead, onUnread } from "./polls.js";
import type { Effect, Env, Input, SessionState, Status, Sub } from "./state.js";
import type { Step } from "./step.js";
import { onBehind, onEvents, onPatch, onResumed, onSnapshot, release, subscribe, tickSubs, watch } from "./subs.js";

const OUTBOX_SPENT: ReadonlySet<number> = new Set([Code.IdempotencyMismatch, Code.UnknownCommandAge]);

export function reduce(state: SessionState, input: Input, env: Env): { state: SessionState; effects: readonly Effect[] } {
  const step: Step = { s: { ...state }, env, effects: [] };
  handle(step, input);
  if (leaveSpent(step)) hangUp(step, localFault("outbox_spent", "Numbers of this outbox are used up already; the client takes a new one.", "retry"));
  checkLive(step);
  return { state: step.s, effects: step.effects };
}

export function statusOf(state: SessionState): Status {
  const { line } = state;
  if (line.at === "stopped") return "closed";
  if (line.at === "unplugged") return "offline";
  if (line.at === "open" && line.liveSince !== null) return "live";
  if (line.at === "open") return state.everLive ? "replaying" : "connecting";
  if (!state.online) return "offline";
  if (line.at === "waiting") return state.number === 0 ? "connecting" : "offline";
  return "connecting";
}

export function subStatusOf(state: SessionState, sub: Sub): Status {
  if (sub.phase === "ended") return "closed";
  if (state.line.at !== "open") return statusOf(state);
  if (sub.phase === "live" || sub.isRead) return "live";
  return sub.everLive ? "replaying" : "connecting";
}

export function waitingOf(state: SessionState): number {
  return state.outbox.commands.filter(isUnanswered).length;
}

/** When the session next wants a `tick`, or null if only the world can move it. */
export function nextDeadline(state: SessionState): number | null {
  const times = [...lineDeadlines(state), ...subDeadlines(state), ...commandDeadlines(state)];
  return times.length === 0 ? null : Math.min(...times);
}

function handle(step: Step, input: Input): void {
  switch (input.input) {
    case "plug":
      return plug(step);
    case "unplug":
      return unplug(step);
    case "close":
      return close(step);
    case "visible":
      step.s.visible = input.visible;
      return tickSubs(step);
    case "network":
      return onNetwork(step, input.online);
    case "tick": {
      tickLine(step);
      const late = isLate(step.s, step.env.now);
      tickSubs(step);
      resendLate(step);
      return late ? doubtLine(step) : undefined;
    }
    case "opened":
      return isCurrent(step, input.number) ? onOpened(step, input.token) : undefined;
    case "frame":
      return isCurrent(step, input.number) ? onFrame(step, input.frame) : undefined;
    case "dropped":
      return isCurrent(step, input.number) ? onDropped(step, input) : undefined;
    case "probed":
      return onProbed(step, input.opens);
    case "way":
      return isCurrent(step, input.number) ? onWay(step, input) : undefined;
    case "adopt":
      return adopt(step, input.owner, input.kept);
    case "outbox_taken":
      onTaken(step);
      return hangUp(step, localFault("outbox_taken", "Another tab took over this tab's outbox.", "retry"));
    case "send":
      return enqueue(step, input);
    case "show":
      return show(step, input.key, input.optimistic);
    case "signal":
      return signal(step, input.actor, input.signal);
    case "subscribe":
      return subscribe(step, input);
    case "watch":
      return watch(step, input.list);
    case "release":
      return release(step, input.sub);
    case "read":
      return onRead(step, input);
    case "unread":
      return onUnread(step, input);
  }
}

function onFrame(step: Step, frame: ServerFrame): void {
  if ("list" in frame) return onListFrame(step, frame);
  switch (frame.type) {
    case "welcome":
      return onWelcome(step, frame);
    case "resumed":
      return onResumed(step, frame);
    case "snapshot":
      return onSnapshot(step, frame);
    case "patch":
      return onPatch(step, frame);
    case "events":
      return onEvents(step, frame);
    case "accepted":
      return onAccepted(step, frame);
    case "rejected":
      return OUTBOX_SPENT.has(frame.code) ? onSpent(step, frame) : onRejected(step, frame);
    case "signal":
      step.effects.push({ do: "signal", signal: frame });
      return;
    case "presence": {
      const { actor, here, count } = frame;
      step.s.presence = new Map(step.s.presence).set(actor, { here, count });
      return;
    }
    case "error":
      return onError(step, frame);
    case "goodbye":
      return onGoodbye(step, frame);
    case "pong":
      onPong(step);
      return onBehind(step, frame.behind);
  }
}

/** Signals are not kept: one that nobody can carry now is worth nothing later. */
function signal(step: Step, actor: string, payload: unknown): void {
  if (step.s.line.at !== "open") return;
  step.effects.push({ do: "transmit", number: step.s.number, frame: { action: "signal", actor, signal: payload } });
}

function lineDeadlines({ line, probeAt }: SessionState): number[] {
  if (line.at === "waiting") return [line.until];
  if (line.at === "opening" || line.at === "asking" || line.at === "greeting") return [line.deadline];
  if (line.at !== "open") return [];
  return [line.pingAt, line.pongBy, probeAt].filter((time) => time !== null);
}

function subDeadlines({ subs, visible }: SessionState): number[] {
  const times: number[] = [];
  for (const sub of subs.values()) {
    if (sub.dropAt !== null) times.push(sub.dropAt);
    if (sub.phase === "live" && sub.gapAt !== null) times.push(sub.gapAt);
    if (sub.phase === "again") times.push(sub.againAt);
    if (sub.phase === "polled" && visible && sub.dropAt === null) times.push(sub.againAt);
    if (sub.phase === "asked" || sub.phase === "reading") times.push(sub.askedAt + ANSWER_MS);
  }
  return times;
}

function commandDeadlines({ line, outbox }: SessionState): number[] {
  if (line.at !== "open") return [];
  return outbox.commands.flatMap((command) => {
    if (command.phase === "sent") return [command.answerBy];
    return command.phase === "waiting" && command.notBefore > 0 ? [command.notBefore] : [];
  });
}

/** Whether something has waited for its answer for too long. */
function isLate({ outbox, subs }: SessionState, now: number): boolean {
  const commands = outbox.commands.some((command) => command.phase === "sent" && command.answerBy <= now);
  return commands || [...subs.values()].some((sub) => sub.phase === "asked" && sub.askedAt + ANSWER_MS <= now);
}
