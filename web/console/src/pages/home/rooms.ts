// Rows in words, and in order.
import type { ListUpdate, Row } from "../../sdk";
import { ago, clock, span } from "../../ui/time";
import { plural } from "../../ui/words";

const key = (row: Row) => `${row.kind}/${row.id}`;

/** Newer rows replace what is known of the same room. Newest first. */
export function merge(old: readonly Row[], newer: readonly Row[] = []): Row[] {
  const all = new Map(old.map((row) => [key(row), row]));
  for (const row of newer) all.set(key(row), row);
  return [...all.values()].sort((a, b) => b.updated_at - a.updated_at || (key(a) < key(b) ? -1 : 1));
}

/** Rows that newer ones pushed off the first page. One that went away for another reason stood before its end. */
export function fallen(before: readonly Row[], { rows, next }: ListUpdate): Row[] {
  const last = rows.at(-1);
  if (next === undefined || last === undefined) return [];
  const held = new Set(rows.map((row) => row.id));
  const isBehind = (row: Row) =>
    row.sort < last.sort || (row.sort === last.sort && row.updated_at <= last.updated_at);
  return before.filter((row) => !held.has(row.id) && isBehind(row));
}

export const awake = (rows: readonly Row[]): Row[] => rows.filter((row) => row.awake);
export const asleep = (rows: readonly Row[]): Row[] => rows.filter((row) => !row.awake);

/** "Asleep for 3 days", "Wakes today at 18:00", "Last move 4 seconds ago". */
export function nowWords(row: Row, now: number): string {
  if (row.awake) return `Last move ${ago(row.updated_at, now)}`;
  if (row.next_wake !== undefined && row.next_wake > now && row.next_wake - now < 86_400_000)
    return `Wakes at ${clock(row.next_wake)}`;
  return `Asleep for ${span(Math.max(1000, now - row.updated_at))}`;
}

/** The list gives ids, not names: how many, and whether I am one of them. */
export function memberWords(members: unknown, me: string | undefined): string {
  if (!Array.isArray(members)) return "";
  const mine = me !== undefined && members.includes(me);
  const others = members.length - (mine ? 1 : 0);
  if (members.length === 0) return "";
  if (!mine) return plural(others, "person", "people");
  return others === 0 ? "You" : `You and ${plural(others, "other")}`;
}

/** A code is what one reads out or pastes: an id, `kind/id`, or the whole link. */
export function parseCode(text: string): { kind?: string; id: string } | undefined {
  const path = text
    .trim()
    .replace(/^https?:\/\/[^/]+/i, "")
    .replace(/[?#].*$/, "");
  const parts = path.split("/").filter(Boolean);
  if (parts.length === 0 || parts.length > 2 || !parts.every((part) => /^[A-Za-z0-9_-]{1,64}$/.test(part)))
    return undefined;
  return parts.length === 2 ? { kind: parts[0]!, id: parts[1]! } : { id: parts[0]! };
}
