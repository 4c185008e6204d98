// Sentences about the line, in the words of ui.md section 5.
import { Code, DormouseError } from "@dormouse/client";
import { capital, spell } from "../ui/words";

/** Small counts are spelled at the head of a sentence. */
export function caughtUp(moves: number): string {
  if (moves <= 0) return "You are up to date. Nothing happened while you were away.";
  if (moves === 1) return "You are up to date. One move happened while you were away.";
  return `You are up to date. ${capital(spell(moves))} moves happened while you were away.`;
}

export const offline = (waiting: number): string => (waiting > 0 ? `Offline, ${waiting} waiting` : "Offline");

export const GONE = "This room was retired. Nothing can wake it.";

/** Whether the change happened cannot be told any more: its outcome is neither known here nor at the host. */
export const isUnknown = (error: unknown): boolean =>
  error instanceof DormouseError && (error.code === Code.UnknownCommandAge || error.name === "unknown_outcome");

export const UNKNOWN = "Nobody can tell any more whether this went through. If you do not see it here, do it again.";

/** The rules speak to the person whose change it was; a failure of the line has a sentence of the SDK. */
export const refused = (error: unknown): string =>
  isUnknown(error) ? UNKNOWN : (error instanceof Error && error.message) || "The room refused this.";
