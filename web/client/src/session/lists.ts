/** Lists that are followed: subscriptions like those of views, but for their history, which they have none of. */
import { faultOfWire } from "../errors.js";
import type { ListFrame, ListPatch } from "../frames.js";
import { applyPatch } from "../patch.js";
import type { Sub } from "./state.js";
import { nameOf, putSub, subKey, type Step } from "./step.js";
import { ask, refuse } from "./subs.js";

export function onListFrame(step: Step, frame: ListFrame): void {
  const sub = step.s.subs.get(subKey(nameOf(frame.list), "view"));
  if (sub === undefined || sub.phase === "ended") return;
  if (frame.type === "error") return refuse(step, sub, faultOfWire(frame));
  if (frame.type === "resumed") return putSub(step, { ...sub, phase: "live", everLive: true, retries: 0, error: null });
  if (frame.type === "snapshot") return show(step, sub, frame.etag, frame.view);
  onPatch(step, sub, frame);
}

function onPatch(step: Step, sub: Sub, { base, etag, ops }: ListPatch): void {
  // The answer to a question that is out will say what there is.
  if (sub.phase !== "live") return;
  if (base !== sub.etag) return ask(step, sub.key);
  try {
    show(step, sub, etag, applyPatch(sub.view, ops));
  } catch {
    // The etags agree and the views do not. Only the whole view repairs that.
    putSub(step, { ...sub, etag: null });
    ask(step, sub.key);
  }
}

function show(step: Step, sub: Sub, etag: string, view: unknown): void {
  putSub(step, { ...sub, etag, view, hasView: true, isRead: false });
  step.effects.push({ do: "view", sub: sub.key, reset: false });
}
