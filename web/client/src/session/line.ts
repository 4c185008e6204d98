/** The line to the host: connecting, greeting, heartbeat, and what to do after each way that it can end. */
import { backoffMs } from "../backoff.js";
import { faultOfWire, localFault, type Fault } from "../errors.js";
import type { ErrorFrame, Goodbye, Welcome } from "../frames.js";
import { CONNECT_MS, FIRST_PROBE_MS, PING_MS_MAX, PONG_MS, PROBE_MS, SOCKET_FAILURES_MAX, STABLE_MS } from "../limits.js";
import { closedFault, flush, recallSent, refuseTooLarge, rejectAll, useOutbox } from "./outbox.js";
import type { Input, Line } from "./state.js";
import { ask, endAll, idleSubs, onSubError, positionsOf } from "./subs.js";
import type { Step } from "./step.js";

export function connect(step: Step): void {
  step.s.number += 1;
  step.s.line = { at: "opening", deadline: step.env.now + CONNECT_MS };
  step.s.verdict = null;
  const { number, transport, byTicket, freshToken } = step.s;
  step.effects.push({ do: "connect", number, transport, byTicket: byTicket && transport === "ws", freshToken });
  step.s.freshToken = false;
}

export function onOpened(step: Step, token: string): void {
  if (step.s.line.at !== "opening") return;
  if (step.s.transport === "ws") step.s.socketFailures = 0;
  // Kept over drops of the stream, or one that drops often would never be left for a socket.
  const probeAt = step.s.probeAt ?? step.env.now + FIRST_PROBE_MS;
  step.s.probeAt = step.s.transport === "sse" && mayProbe(step) ? probeAt : null;
  step.s.line = { at: "greeting", deadline: step.env.now + CONNECT_MS };
  const { id } = step.s.outbox;
  const frame = { action: "hello", token, ...(id === null ? {} : { outbox: id }) } as const;
  step.effects.push({ do: "transmit", number: step.s.number, frame });
}

export function onWelcome(step: Step, frame: Welcome): void {
  if (step.s.line.at !== "greeting") return;
  step.s.principal = frame.principal;
  step.s.inFlight = Math.max(1, frame.in_flight);
  step.s.pingMs = Math.min(PING_MS_MAX, Math.max(1, frame.limits.ping_seconds) * 1000);
  step.s.frameBytes = frame.limits.frame_bytes;
  step.s.signalBytes = frame.limits.signal_bytes;
  step.s.line = { at: "open", liveSince: null, pingAt: step.env.now + step.s.pingMs, pongBy: null };
  useOutbox(step, frame.outbox);
  refuseTooLarge(step);
  for (const key of step.s.subs.keys()) ask(step, key);
  flush(step);
  checkLive(step);
}

/** Live means answered from end to end: a welcome, and an answer to every subscription that was waiting for one. */
export function checkLive(step: Step): void {
  const { line } = step.s;
  if (line.at !== "open" || line.liveSince !== null) return;
  if ([...step.s.subs.values()].some((sub) => sub.phase === "asked")) return;
  step.s.line = { ...line, liveSince: step.env.now };
  step.s.everLive = true;
  step.s.error = null;
}

export function onPong(step: Step): void {
  if (step.s.line.at === "open") step.s.line = { ...step.s.line, pongBy: null };
}

export function onError(step: Step, frame: ErrorFrame): void {
  if (frame.actor !== undefined) return onSubError(step, frame);
  const fault = faultOfWire(frame);
  step.s.error = fault;
  if (step.s.line.at !== "open" || fault.kind === "sign_in") return hangUp(step, fault);
  if (fault.kind === "resubscribe") for (const key of step.s.subs.keys()) ask(step, key);
  // Kept in case the host closes now. A 4xxx is not: it condemns one frame, and the close code tells if it is more.
  if (fault.kind === "retry") step.s.verdict = fault;
}

export function onGoodbye(step: Step, frame: Goodbye): void {
  hangUp(step, faultOfWire(frame));
}

export function onDropped(step: Step, input: Input & { input: "dropped" }): void {
  if (!isUp(step.s.line)) return;
  const isOfSocket = step.s.transport === "ws" && !step.s.byTicket;
  if (input.unopened === true && isOfSocket && step.s.line.at === "opening") return askWay(step, input.fault);
  if (input.unopened === true) countSocketFailure(step);
  const final = input.fault?.kind === "stop" || input.fault?.kind === "sign_in";
  lose(step, final ? input.fault : (step.s.verdict ?? input.fault));
}

/** Before anything else is tried: that a socket does not open here may only mean that the host's are elsewhere. */
function askWay(step: Step, fault: Fault | null): void {
  step.s.line = { at: "asking", deadline: step.env.now + CONNECT_MS, fault };
  step.effects.push({ do: "ask_way", number: step.s.number });
}

export function onWay(step: Step, { byTicket, fault }: Input & { input: "way" }): void {
  const { line } = step.s;
  step.s.byTicket = byTicket;
  if (line.at !== "asking") return lose(step, localFault("sockets_moved", "The host's sockets are its own again.", "retry"));
  if (byTicket) return connect(step);
  // Where nothing answers, another way of connecting would not get through either.
  if (fault === null) countSocketFailure(step);
  lose(step, fault?.kind === "sign_in" ? fault : line.fault);
}

export function onNetwork(step: Step, online: boolean): void {
  step.s.online = online;
  if (!online && isUp(step.s.line)) return hangUp(step, localFault("offline", "The browser is offline.", "retry"));
  if (!online || step.s.line.at !== "waiting") return;
  step.s.attempt = 0;
  connect(step);
}

/** A socket opens again where it did not before: move from SSE to it, with nothing lost, as after any drop. */
export function onProbed(step: Step, opens: boolean): void {
  if (!opens || step.s.transport !== "sse" || !isUp(step.s.line)) return;
  step.s.transport = "ws";
  step.s.socketFailures = 0;
  step.s.probeAt = null;
  leave(step);
  connect(step);
}

export function plug(step: Step): void {
  if (step.s.closed || isUp(step.s.line)) return;
  step.s.attempt = 0;
  connect(step);
}

export function unplug(step: Step): void {
  if (step.s.closed) return;
  leave(step);
  step.s.line = { at: "unplugged" };
}

export function close(step: Step): void {
  if (step.s.closed) return;
  leave(step);
  step.s.closed = true;
  step.s.line = { at: "stopped" };
  rejectAll(step, closedFault());
  endAll(step, null);
}

/** Ends the line from our side and acts as if the host had ended it for this reason. */
export function hangUp(step: Step, fault: Fault | null): void {
  if (!isUp(step.s.line)) return;
  step.effects.push({ do: "disconnect", number: step.s.number });
  lose(step, fault);
}

export function tickLine(step: Step): void {
  const { line } = step.s;
  const { now } = step.env;
  if (line.at === "waiting" && line.until <= now) return connect(step);
  if (isConnecting(line) && line.deadline <= now) return onSlowConnect(step, line.at);
  if (line.at !== "open") return;
  if (line.pongBy !== null && line.pongBy <= now) return hangUp(step, localFault("no_pong", "The line is dead.", "retry"));
  if (line.pingAt <= now) ping(step, line);
  probe(step);
}

/** Only a message per line number is of today; what an abandoned socket still says is not heard. */
export function isCurrent(step: Step, number: number): boolean {
  return step.s.number === number && isUp(step.s.line);
}

function isUp(line: Line): boolean {
  return isConnecting(line) || line.at === "open";
}

function isConnecting(line: Line): line is Line & { at: "opening" | "asking" | "greeting" } {
  return line.at === "opening" || line.at === "asking" || line.at === "greeting";
}

/** Something has had no answer for so long that the line may be dead: a ping tells sooner than the next one in turn would. */
export function doubtLine(step: Step): void {
  const { line } = step.s;
  if (line.at === "open" && line.pongBy === null) ping(step, line);
}

function ping(step: Step, line: Line & { at: "open" }): void {
  const { now } = step.env;
  const frame = { action: "ping", positions: positionsOf(step) } as const;
  step.effects.push({ do: "transmit", number: step.s.number, frame });
  step.s.line = { ...line, pingAt: now + step.s.pingMs, pongBy: line.pongBy ?? now + PONG_MS };
}

function probe(step: Step): void {
  if (step.s.probeAt === null || step.s.probeAt > step.env.now) return;
  step.s.probeAt = step.env.now + PROBE_MS;
  step.effects.push({ do: "probe" });
}

function onSlowConnect(step: Step, at: "opening" | "asking" | "greeting"): void {
  if (at === "opening") countSocketFailure(step);
  hangUp(step, localFault("connect_timeout", "The host does not answer.", "retry"));
}

function countSocketFailure(step: Step): void {
  if ((step.s.line.at !== "opening" && step.s.line.at !== "asking") || !mayProbe(step)) return;
  if (step.s.transport === "sse") {
    step.s.transport = "ws";
    step.s.socketFailures = 0;
    return;
  }
  step.s.socketFailures += 1;
  if (step.s.socketFailures >= SOCKET_FAILURES_MAX) step.s.transport = "sse";
}

function mayProbe(step: Step): boolean {
  return step.s.choice === "auto" && step.s.canSocket && !step.s.byTicket;
}

function lose(step: Step, fault: Fault | null): void {
  const { line, attempt } = step.s;
  const stable = line.at === "open" && line.liveSince !== null && step.env.now - line.liveSince >= STABLE_MS;
  const tries = stable ? 0 : attempt;
  if (fault !== null) step.s.error = fault;
  recall(step);
  if (fault?.kind === "stop") {
    step.s.line = { at: "stopped" };
    return;
  }
  step.s.freshToken = fault?.kind === "sign_in";
  step.s.attempt = tries + 1;
  step.s.line = { at: "waiting", until: step.env.now + backoffMs(tries, step.env.random, fault?.retryAfter) };
}

function leave(step: Step): void {
  if (isUp(step.s.line)) step.effects.push({ do: "disconnect", number: step.s.number });
  recall(step);
}

function recall(step: Step): void {
  step.s.verdict = null;
  recallSent(step);
  idleSubs(step);
}
