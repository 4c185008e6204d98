// Where everybody sits as one seat sees it, and which trick lies between them.
import type { LiapTuiView, SeatView, TrickView } from "../../../generated/liap-tui";

export type Place = "mine" | "left" | "top" | "right";

/** In turn order: after mine comes the left one. */
const PLACES: readonly Place[] = ["mine", "left", "top", "right"];

/** Whoever has no seat looks from slot 1. */
export const placeOf = (slot: number, you: number | null): Place => PLACES[(slot - (you ?? 1) + 4) % 4]!;

export interface Seated {
  slot: number;
  place: Place;
  seat: SeatView;
}

/** In the order of the slots; a game has all four. */
export function around(view: LiapTuiView, you: number | null): Seated[] {
  return view.seats.flatMap((seat, at) => (seat ? [{ slot: at + 1, place: placeOf(at + 1, you), seat }] : []));
}

export const seatOf = (view: LiapTuiView, slot: number | null): SeatView | null =>
  slot === null ? null : (view.seats[slot - 1] ?? null);

/** A bot acts for this seat: its own, or one that stands in. */
export const isBotPlayed = (seat: SeatView | null): boolean => seat !== null && (seat.level !== null || seat.away);

export interface Shown {
  /** Of one trick, from its first piece to its result. */
  key: string;
  trick: TrickView;
}

/** The trick on the table: the one that is played, or the one whose winner is shown. */
export function shownTrick(view: LiapTuiView): Shown | undefined {
  if (view.phase === "turn") return { key: `${view.round}/${view.tricks.length}`, trick: view.trick };
  const last = view.tricks.at(-1);
  if (view.phase !== "turn_results" || !last) return undefined;
  return { key: `${view.round}/${view.tricks.length - 1}`, trick: last };
}

/** What the game waits for from the reader, as one word of the phase. */
export function askedOf(view: LiapTuiView): "decide" | "declare" | "play" | undefined {
  if (view.you === null || isBotPlayed(seatOf(view, view.you))) return undefined;
  if (view.weak_hand) return "decide";
  if (!view.awaited.includes(view.you)) return undefined;
  return view.phase === "declaration" ? "declare" : "play";
}
