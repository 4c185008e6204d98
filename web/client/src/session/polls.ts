/**
 * What a host does not send over this line and is read over HTTP instead, again and again: lists where it follows none, and views that are too
 * large for a message of the line.
 */
import { backoffMs } from "../backoff.js";
import { Code } from "../codes.js";
import { localFault, type Fault } from "../errors.js";
import { ANSWER_MS, POLL_MS } from "../limits.js";
import { comparePositions } from "../position.js";
import type { ActorRow, ViewAt } from "../types.js";
import { pruneShown } from "./overlay.js";
import type { Input, Sub } from "./state.js";
import { putSub, type Step } from "./step.js";
import { ask, end } from "./subs.js";

type Page = Readonly<{ rows: readonly ActorRow[]; next?: string }>;

export function isReadInstead(sub: Sub, { code }: Fault): boolean {
  return sub.list !== null ? code === Code.UnknownType : sub.as === "view" && code === Code.TooLarge;
}

/** The first read is at once, and each other one not before its time, however often the line says no. */
export function poll(step: Step, sub: Sub): void {
  const { now } = step.env;
  const againAt = sub.readAt === null ? now : Math.max(now, sub.readAt + pauseMs(step));
  putSub(step, { ...sub, phase: "polled", againAt, gapAt: null, early: [] });
  tickPoll(step, step.s.subs.get(sub.key) as Sub);
}

export function tickPoll(step: Step, sub: Sub): void {
  const { now } = step.env;
  const late = sub.phase === "reading" && sub.askedAt + ANSWER_MS <= now;
  if (late) return rest(step, sub, localFault("read_timeout", "The host does not answer.", "retry"));
  if (sub.phase === "polled" && sub.againAt <= now && step.s.visible && sub.dropAt === null) read(step, sub);
}

export function onRead(step: Step, { sub: key, read, answer }: Input & { input: "read" }): void {
  const sub = step.s.subs.get(key);
  if (sub === undefined || sub.phase !== "reading" || sub.reads !== read) return;
  if (sub.list !== null) return showRows(step, sub, answer as Page);
  showView(step, sub, answer as ViewAt<unknown>);
  // Who holds the newest view is sent what changes, and that may be small enough.
  ask(step, key);
}

export function onUnread(step: Step, { sub: key, read, fault }: Input & { input: "unread" }): void {
  const sub = step.s.subs.get(key);
  if (sub === undefined || sub.phase !== "reading" || sub.reads !== read) return;
  if (fault.kind === "stop") return end(step, key, fault, null);
  rest(step, sub, fault);
}

function read(step: Step, sub: Sub): void {
  const reads = sub.reads + 1;
  putSub(step, { ...sub, phase: "reading", reads, askedAt: step.env.now, readAt: step.env.now });
  step.effects.push({ do: "read", sub: sub.key, read: reads, of: sub.list ?? sub.actor });
}

/** It failed, for now. What is held is still shown, and is not said to be live. */
function rest(step: Step, sub: Sub, fault: Fault): void {
  const againAt = step.env.now + pauseMs(step) + backoffMs(sub.retries, step.env.random, fault.retryAfter);
  putSub(step, { ...sub, phase: "polled", againAt, retries: sub.retries + 1, isRead: false, error: fault });
}

function showRows(step: Step, sub: Sub, { rows, next }: Page): void {
  const view = { rows: Object.fromEntries(rows.map((row) => [row.id, row])), ...(next === undefined ? {} : { next }) };
  // A list that reads as before is the same list, for everybody who compares.
  const isSame = sub.hasView && JSON.stringify(view) === JSON.stringify(sub.view);
  const againAt = step.env.now + pauseMs(step);
  putSub(step, {
    ...sub, phase: "polled", againAt, retries: 0, etag: null, view: isSame ? sub.view : view, hasView: true, isRead: true, everLive: true, error: null,
  });
  if (!isSame) step.effects.push({ do: "view", sub: sub.key, reset: false });
}

function showView(step: Step, sub: Sub, { position, etag, view }: ViewAt<unknown>): void {
  const shown: Sub = { ...sub, retries: 0, isRead: true, everLive: true, error: null };
  if (sub.position !== null && comparePositions(position, sub.position) < 0) return putSub(step, shown);
  putSub(step, { ...shown, position, etag, view: etag === sub.etag ? sub.view : view, hasView: true });
  step.effects.push({ do: "view", sub: sub.key, reset: false });
  pruneShown(step, sub.actor);
}

function pauseMs(step: Step): number {
  return POLL_MS * (0.75 + step.env.random / 2);
}
