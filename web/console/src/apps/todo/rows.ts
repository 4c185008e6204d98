// The rows that a plate shows: the list with my waiting changes, and for a while what was refused.
import type { Item, TodoView } from "../../generated/todo";
import { byCreation, isWaitingId } from "./reduce";

/** A change that the rules refused. It stands where it happened, with the reason, and then goes. */
export interface Refused {
  key: number;
  id: string;
  /** What the row held when it was tried; drawn if the row itself is gone. */
  item: Item | undefined;
  /** A title that was typed and is not lost: it can be put back in the field. */
  typed?: string;
  words: string;
}

export interface Row {
  id: string;
  item: Item;
  /** The host has not answered yet. */
  waiting: boolean;
  /** Not in the list (any more): drawn only for what it says. */
  ghost: boolean;
  refused: Refused | undefined;
}

/** `confirmed` is null before the first view: whatever is shown then waits. */
export function rows(view: TodoView, confirmed: TodoView | null, refusals: readonly Refused[]): Row[] {
  const said = new Map(refusals.map((r) => [r.id, r]));
  const list: Row[] = Object.entries(view.items).map(([id, item]) => ({
    id,
    item,
    waiting: waits(id, item, confirmed?.items[id]),
    ghost: false,
    refused: said.get(id),
  }));
  for (const refused of said.values()) {
    if (refused.item && !view.items[refused.id])
      list.push({ id: refused.id, item: refused.item, waiting: false, ghost: true, refused });
  }
  return list.sort((a, b) => byCreation(a.id, b.id));
}

const waits = (id: string, item: Item, confirmed: Item | undefined): boolean =>
  isWaitingId(id) || !confirmed || confirmed.title !== item.title || confirmed.done !== item.done;

/** Ids that came from others since the last look: these rows keep a wash. My own were already on the screen. */
export function arrived(before: TodoView | null, after: TodoView | null, me: string | undefined): string[] {
  if (!before || !after || before === after) return [];
  return Object.keys(after.items).filter((id) => !before.items[id] && after.items[id]!.by.id !== me);
}
