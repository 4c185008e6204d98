/** Wire subscriptions: at most one of each `as` per actor, resumed from where they stand. */
import { backoffMs } from "../backoff.js";
import { Code } from "../codes.js";
import { faultOfWire, type Fault } from "../errors.js";
import type { ClientFrame, ErrorFrame, Events, ListOf, Patch, Resumed, Snapshot } from "../frames.js";
import { ANSWER_MS, EARLY_PATCHES_MAX, GAP_MS, LINGER_MS } from "../limits.js";
import { applyPatch } from "../patch.js";
import { commitsBetween, comparePositions, placeOf } from "../position.js";
import { pruneShown } from "./overlay.js";
import { isReadInstead, poll, tickPoll } from "./polls.js";
import type { Input, ResumedNote, Sub } from "./state.js";
import { nameOf, putSub, removeSub, subKey, type Step } from "./step.js";

export function subscribe(step: Step, input: Input & { input: "subscribe" }): void {
  const key = subKey(input.actor, input.as);
  const old = step.s.subs.get(key);
  if (old === undefined || old.phase === "ended") {
    putSub(step, newSub(key, input));
    return ask(step, key);
  }
  putSub(step, { ...old, dropAt: null });
  if (needsRewind(old, input.from)) rewind(step, key, input.from as string);
}

export function watch(step: Step, list: ListOf): void {
  const name = nameOf(list);
  const key = subKey(name, "view");
  const old = step.s.subs.get(key);
  if (old !== undefined && old.phase !== "ended") return putSub(step, { ...old, dropAt: null });
  putSub(step, { ...newSub(key, { input: "subscribe", actor: name, as: "view", from: null }), list });
  ask(step, key);
}

export function release(step: Step, key: string): void {
  const sub = step.s.subs.get(key);
  if (sub !== undefined) putSub(step, { ...sub, dropAt: step.env.now + LINGER_MS });
}

/** Asks the host for this subscription from where it stands, if there is a line. */
export function ask(step: Step, key: string): void {
  const sub = step.s.subs.get(key);
  if (sub === undefined || sub.phase === "ended") return;
  if (step.s.line.at !== "open") return putSub(step, { ...sub, phase: "idle", gapAt: null });
  step.effects.push({ do: "transmit", number: step.s.number, frame: question(sub) });
  putSub(step, { ...sub, phase: "asked", askedAt: step.env.now, gapAt: null, early: [] });
}

function question({ list, actor, as, position, from, etag }: Sub): ClientFrame {
  if (list !== null) return { action: "subscribe", list, ...(etag === null ? {} : { etag }) };
  const place = position ?? from;
  return {
    action: "subscribe",
    actor,
    as,
    ...(place === null ? {} : { from: place }),
    ...(etag === null || position === null ? {} : { etag }),
  };
}

export function onResumed(step: Step, frame: Resumed): void {
  const sub = step.s.subs.get(subKey(frame.actor, frame.as));
  if (sub === undefined || sub.phase === "ended") return;
  const note = noteOf(sub, frame, step.env.now);
  if (frame.kind === "gone") return end(step, sub.key, goneFault(frame), note);
  // A tail or a snapshot is on its way: holding the new position before it came would lose it in a drop.
  const moves = frame.kind === "current";
  putSub(step, {
    ...sub,
    phase: "live",
    everLive: true,
    retries: 0,
    error: null,
    resumed: note,
    position: moves ? frame.position : sub.position,
    ...(frame.kind === "reset" ? { position: null, from: frame.as === "events" ? "start" : null, early: [] } : {}),
  });
  step.effects.push({ do: "resumed", sub: sub.key, note });
  pruneShown(step, frame.actor);
}

export function onSnapshot(step: Step, frame: Snapshot): void {
  const sub = viewSub(step, frame.actor);
  if (sub === undefined) return;
  const old = sub.position !== null && comparePositions(frame.position, sub.position) < 0;
  if (old && frame.reset !== true) return;
  const { position, etag, view } = frame;
  putSub(step, { ...sub, position, etag, view, hasView: true, isRead: false, early: newer(sub.early, position) });
  applyEarly(step, sub.key);
  step.effects.push({ do: "view", sub: sub.key, reset: frame.reset === true });
  pruneShown(step, frame.actor);
}

export function onPatch(step: Step, frame: Patch): void {
  const sub = viewSub(step, frame.actor);
  if (sub === undefined || isOld(sub, frame)) return;
  if (frame.base !== sub.etag) return keepEarly(step, sub, frame);
  if (!apply(step, sub, frame)) return;
  applyEarly(step, sub.key);
  step.effects.push({ do: "view", sub: sub.key, reset: false });
  pruneShown(step, frame.actor);
}

/** Events never repeat: what lies at or before the position held came already. */
export function onEvents(step: Step, frame: Events): void {
  const sub = step.s.subs.get(subKey(frame.actor, "events"));
  // While a question is out, its answer begins where this frame would: taking both would move past what is coming.
  if (sub === undefined || sub.phase !== "live") return;
  if (sub.position !== null && comparePositions(frame.position, sub.position) < 0) return;
  // It overtook the events before it, or those are lost. What is held then is where to ask from.
  if (frame.after_seq > heardThrough(sub)) return putSub(step, { ...sub, gapAt: sub.gapAt ?? step.env.now + GAP_MS });
  putSub(step, { ...sub, position: frame.position });
  const { position, through_seq: throughSeq, events } = frame;
  step.effects.push({ do: "events", sub: sub.key, position, throughSeq, events });
}

/** A refused subscription. Without `as` it is meant for whatever still waits for an answer at this actor. */
export function onSubError(step: Step, frame: ErrorFrame): void {
  const mine = [...step.s.subs.values()].filter((sub) => sub.actor === frame.actor && sub.phase !== "ended");
  const isMeant = (sub: Sub): boolean => (frame.as === undefined ? sub.phase === "asked" : sub.as === frame.as);
  const named = frame.action === "signal" ? [] : mine.filter(isMeant);
  const fault = faultOfWire(frame);
  // A signal was refused. That ends nothing.
  if (named.length === 0) for (const sub of mine) putSub(step, { ...sub, error: fault });
  for (const sub of named) refuse(step, sub, fault);
}

export function onBehind(step: Step, behind: Record<string, string>): void {
  for (const sub of step.s.subs.values()) {
    const newest = behind[sub.actor];
    if (newest === undefined || sub.phase !== "live" || sub.position === null) continue;
    if (comparePositions(sub.position, newest) < 0) ask(step, sub.key);
  }
}

/** For `ping`: of two subscriptions to one actor, the older position. */
export function positionsOf(step: Step): Record<string, string> {
  const positions: Record<string, string> = {};
  for (const sub of step.s.subs.values()) {
    if (sub.phase !== "live" || sub.position === null) continue;
    const other = positions[sub.actor];
    if (other === undefined || comparePositions(sub.position, other) < 0) positions[sub.actor] = sub.position;
  }
  return positions;
}

export function tickSubs(step: Step): void {
  const { now } = step.env;
  for (const sub of step.s.subs.values()) {
    if (sub.dropAt !== null && sub.dropAt <= now) dropUnheard(step, sub);
    else if (sub.phase === "live" && sub.gapAt !== null && sub.gapAt <= now) ask(step, sub.key);
    else if (sub.phase === "again" && sub.againAt <= now) ask(step, sub.key);
    else if (sub.phase === "asked" && sub.askedAt + ANSWER_MS <= now) ask(step, sub.key);
    else tickPoll(step, sub);
  }
}

export function idleSubs(step: Step): void {
  for (const sub of step.s.subs.values()) {
    if (sub.phase !== "ended") putSub(step, { ...sub, phase: "idle", gapAt: null, early: [], isRead: false });
  }
}

export function endAll(step: Step, fault: Fault | null): void {
  for (const sub of step.s.subs.values()) if (sub.phase !== "ended") end(step, sub.key, fault, null);
}

function newSub(key: string, input: Input & { input: "subscribe" }): Sub {
  return {
    key,
    actor: input.actor,
    list: null,
    as: input.as,
    phase: "idle",
    position: null,
    etag: null,
    view: undefined,
    hasView: false,
    from: input.as === "events" ? input.from : null,
    early: [],
    gapAt: null,
    askedAt: 0,
    againAt: 0,
    retries: 0,
    reads: 0,
    readAt: null,
    isRead: false,
    everLive: false,
    resumed: null,
    error: null,
    dropAt: null,
  };
}

/** A second listener wants events from before the shared position: the wire goes back, and each listener skips what it had. */
function needsRewind(sub: Sub, from: string | null): boolean {
  if (sub.as !== "events" || from === null) return false;
  const held = sub.position ?? sub.from;
  if (held === null) return true;
  if (held === "start") return false;
  return from === "start" || comparePositions(from, held) < 0;
}

function rewind(step: Step, key: string, from: string): void {
  const sub = step.s.subs.get(key) as Sub;
  putSub(step, from === "start" ? { ...sub, position: null, from } : { ...sub, position: from });
  ask(step, key);
}

function noteOf(sub: Sub, frame: Resumed, at: number): ResumedNote {
  const held = sub.position;
  const missed = held === null || frame.kind === "reset" ? null : commitsBetween(held, frame.position);
  return { kind: frame.kind, missed, position: frame.position, at };
}

function goneFault(frame: Resumed): Fault {
  const message = frame.message ?? "The actor was retired.";
  return { code: frame.code ?? Code.Gone, name: "gone", message, kind: "stop" };
}

function viewSub(step: Step, actor: string): Sub | undefined {
  const sub = step.s.subs.get(subKey(actor, "view"));
  return sub?.phase === "ended" ? undefined : sub;
}

/** The position decides before the base does: an etag may come back later (a light switched on and off). */
function isOld(sub: Sub, frame: Patch): boolean {
  return sub.position !== null && comparePositions(frame.position, sub.position) <= 0;
}

function newer(patches: readonly Patch[], position: string): Patch[] {
  return patches.filter((patch) => comparePositions(patch.position, position) > 0);
}

/** The commit up to which the events have been heard. */
function heardThrough({ position, from }: Sub): number {
  const place = position ?? from;
  return place === null || place === "start" ? 0 : placeOf(place).seq;
}

/** A patch may have overtaken its base or a snapshot; that is worth one second before asking. */
function keepEarly(step: Step, sub: Sub, frame: Patch): void {
  const early = [...sub.early, frame].slice(-EARLY_PATCHES_MAX);
  putSub(step, { ...sub, early, gapAt: sub.gapAt ?? step.env.now + GAP_MS });
}

function apply(step: Step, sub: Sub, frame: Patch): boolean {
  try {
    const view = applyPatch(sub.view, frame.ops);
    const early = newer(sub.early, frame.position);
    putSub(step, { ...sub, view, etag: frame.etag, position: frame.position, isRead: false, early });
    return true;
  } catch {
    // The etags agree and the views do not. Only the whole view repairs that.
    putSub(step, { ...sub, etag: null, position: null });
    ask(step, sub.key);
    return false;
  }
}

function applyEarly(step: Step, key: string): void {
  for (;;) {
    const sub = step.s.subs.get(key) as Sub;
    const next = sub.early.find((patch) => patch.base === sub.etag && !isOld(sub, patch));
    if (next === undefined) {
      if (sub.early.length === 0) putSub(step, { ...sub, gapAt: null });
      return;
    }
    if (!apply(step, sub, next)) return;
  }
}

export function refuse(step: Step, sub: Sub, fault: Fault): void {
  if (isReadInstead(sub, fault)) return poll(step, sub);
  if (fault.kind === "stop") return end(step, sub.key, fault, null);
  // 2xxx: what we name is no position of this actor, so the next question names none.
  const lost = fault.kind === "resubscribe" ? { position: null, etag: null, from: sub.as === "events" ? "start" : null } : {};
  const againAt = step.env.now + backoffMs(sub.retries, step.env.random, fault.retryAfter);
  putSub(step, { ...sub, ...lost, phase: "again", againAt, retries: sub.retries + 1, error: fault });
}

export function end(step: Step, key: string, fault: Fault | null, note: ResumedNote | null): void {
  const sub = step.s.subs.get(key) as Sub;
  putSub(step, { ...sub, phase: "ended", error: fault, resumed: note ?? sub.resumed, gapAt: null, early: [] });
  step.effects.push({ do: "ended", sub: key, fault });
  pruneShown(step, sub.actor);
}

function dropUnheard(step: Step, sub: Sub): void {
  const told = step.s.line.at === "open" && sub.phase !== "ended";
  const frame: ClientFrame =
    sub.list === null ? { action: "unsubscribe", actor: sub.actor, as: sub.as } : { action: "unsubscribe", list: sub.list };
  if (told) step.effects.push({ do: "transmit", number: step.s.number, frame });
  removeSub(step, sub.key);
  if (sub.as === "view") pruneShown(step, sub.actor);
  const watched = [...step.s.subs.values()].some((other) => other.actor === sub.actor);
  if (!watched) {
    const presence = new Map(step.s.presence);
    presence.delete(sub.actor);
    step.s.presence = presence;
  }
}
