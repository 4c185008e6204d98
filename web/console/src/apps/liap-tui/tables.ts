// Tables in lists: what their rows say, and which one suits somebody who wants to play now.
import type { LiapTuiConfig } from "../../generated/liap-tui";
import type { Row } from "../../sdk";

export const SEATS = 4;

/** How many people sit there: bots are nobody's row. */
export const peopleAt = (row: Row): number => (Array.isArray(row.members) ? row.members.length : 0);

export const isWaiting = (row: Row): boolean => row.status === "waiting";

/** Where a person may still sit down: bots make room. */
export const isJoinable = (row: Row): boolean => isWaiting(row) && peopleAt(row) < SEATS;

/**
 * Nobody is there. A table that waits is none of these, though it leaves memory while nobody presses anything: once its
 * people are gone the rules close it.
 */
export const isAtRest = (row: Row): boolean => !row.awake && !isWaiting(row);

export const isMine = (row: Row, me: string | undefined): boolean =>
  me !== undefined && Array.isArray(row.members) && row.members.includes(me);

/** The fullest table that waits for people; none if one has to be made. */
export function quickMatch(rows: readonly Row[], me: string | undefined): Row | undefined {
  const open = rows.filter((row) => isJoinable(row) && !isMine(row, me) && peopleAt(row) > 0);
  return open.reduce<Row | undefined>((best, row) => (best && peopleAt(best) >= peopleAt(row) ? best : row), undefined);
}

/** Open ones first, then those that play, then what is over. */
export function inOrder(rows: readonly Row[]): Row[] {
  const rank = (row: Row) => (isJoinable(row) ? 0 : isWaiting(row) ? 1 : row.status === "playing" ? 2 : 3);
  return [...rows].sort((a, b) => rank(a) - rank(b) || peopleAt(b) - peopleAt(a) || b.updated_at - a.updated_at);
}

const WORDS: Record<string, string> = { waiting: "waiting", playing: "playing", over: "over" };

export function rowWords(row: Row): string {
  const people = peopleAt(row);
  const who = people === 0 ? "bots only" : people === 1 ? "one person" : `${people} people`;
  return `${WORDS[row.status] ?? row.status}, ${who}${row.private ? ", private" : ""}`;
}

/** The way to a table, in one word. */
export function verbOf(row: Row, me: string | undefined): string {
  if (row.status === "over") return "Look";
  if (isAtRest(row)) return "Wake";
  if (isMine(row, me)) return "Return";
  return isJoinable(row) ? "Join" : "Watch";
}

/** What the form of a new table says. */
export function configOf(form: FormData): LiapTuiConfig {
  const chosen = (name: string) => String(form.get(name) ?? "");
  return {
    name: chosen("name").trim(),
    mode: (chosen("mode") || "first_to_50") as NonNullable<LiapTuiConfig["mode"]>,
    pace: (chosen("pace") || "normal") as NonNullable<LiapTuiConfig["pace"]>,
    bots: (chosen("bots") || "easy") as NonNullable<LiapTuiConfig["bots"]>,
    private: form.get("private") !== null,
  };
}
