// What the list says.
import { plural } from "../../ui/words";
import { ITEMS_MAX, TITLE_MAX } from "./types";

export const UNTITLED = "Untitled list";

/** The rules' reasons, as sentences for the person whose change it was. */
export const REASONS: Record<string, string> = {
  empty_title: "It needs at least one letter.",
  title_too_long: `${TITLE_MAX} characters is the most.`,
  list_full: `The list is full: ${ITEMS_MAX} things is the most.`,
  no_such_item: "Somebody deleted it in the meantime.",
};

export function things(count: number, done: number): string {
  if (count === 0) return "Nothing on it yet.";
  return `${plural(count, "thing")}, ${done === count ? "all" : done === 0 ? "none" : done} done.`;
}

/** Before it is sent: why this title would be refused; nothing if it is fine. Counts characters as the rules do. */
export function titleProblem(title: string): string | undefined {
  const length = [...title.trim()].length;
  if (length > TITLE_MAX) return `${length} characters; ${TITLE_MAX} is the most.`;
  return undefined;
}
