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

/** The rules speak to the person whose change it was; a failure of the line has a sentence of the SDK. */
export const refused = (error: unknown): string => (error instanceof Error && error.message) || "The room refused this.";
