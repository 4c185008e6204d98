/** What a person sees: the confirmed view with their own unconfirmed commands on top. */
import { comparePositions } from "../position.js";
import type { Command, SessionState, Sub } from "./state.js";
import { mapCommands, subKey, type Step } from "./step.js";

/** Whether the confirmed view shows an accepted command: by position, or by being the very view that resulted. */
export function isShown(command: Command, sub: Sub): boolean {
  const { accepted } = command;
  if (accepted === null || sub.position === null || !sub.hasView) return false;
  return comparePositions(sub.position, accepted.position) >= 0 || sub.etag === accepted.etag;
}

/** Overlays that the view shows by now, or that nothing will ever show, go. */
export function pruneShown(step: Step, actor: string): void {
  const sub = step.s.subs.get(subKey(actor, "view"));
  mapCommands(step, (command) => {
    if (command.phase !== "accepted" || command.actor !== actor) return command;
    return sub === undefined || sub.phase === "ended" || isShown(command, sub) ? null : command;
  });
}

export function overlaysOf(state: SessionState, actor: string): readonly Command[] {
  return state.outbox.commands.filter((command) => command.actor === actor && command.optimistic !== null);
}

/**
 * Lays the overlays over a confirmed view, in the order sent. A function that throws (the view changed
 * under it) is left out: its command is still under way, and the host decides.
 */
export function overlay(view: unknown, commands: readonly Command[]): { view: unknown; shown: ReadonlySet<number> } {
  const shown = new Set<number>();
  let top = view;
  for (const command of commands) {
    try {
      top = command.optimistic === null ? top : command.optimistic(top);
      shown.add(command.key);
    } catch {
      continue;
    }
  }
  return { view: top, shown };
}
