// Sentences about the line, in the words of ui.md section 5.
import { capital, spell } from "../ui/words";

/** Small counts are spelled at the head of a sentence. */
export function caughtUp(moves: number): string {
  if (moves <= 0) return "You are up to date. Nothing happened while you were away.";
  if (moves === 1) return "You are up to date. One move happened while you were away.";
  return `You are up to date. ${capital(spell(moves))} moves happened while you were away.`;
}

export const offline = (waiting: number): string => (waiting > 0 ? `Offline, ${waiting} waiting` : "Offline");

export const GONE = "This room was retired. Nothing can wake it.";

/** The rules' own words where they gave some; the SDK's sentence otherwise. */
export function refused(error: unknown, known: Record<string, string> = {}): string {
  const { reason, message } = (error ?? {}) as { reason?: string; message?: string };
  return (reason && known[reason]) || message || "The room refused this.";
}
