// The nine kinds of plays, as the rules have them: what a choice of pieces makes, and what it is called.
import type { Piece, PlayKind } from "../../../generated/liap-tui";
import { colourOf, type Name, nameOf, points } from "./pieces";

/** The most pieces of one play: a double straight. */
export const PLAY_PIECES_MAX = 6;

/** A valid set: its kind, and what it is worth against others of that kind. */
export interface SetOf {
  kind: PlayKind;
  strength: number;
}

const COURT: readonly Name[] = ["general", "advisor", "elephant"];
const FIELD: readonly Name[] = ["chariot", "horse", "cannon"];

/** What these pieces make; nothing is a forfeit, or nothing to lead with. An extended straight counts each name once. */
export function setOf(pieces: readonly Piece[]): SetOf | undefined {
  const kind = kindOf(pieces);
  if (!kind) return undefined;
  const counted = kind.startsWith("extended") ? [...new Set(pieces)] : pieces;
  return { kind, strength: counted.reduce((sum, piece) => sum + points(piece), 0) };
}

function kindOf(pieces: readonly Piece[]): PlayKind | undefined {
  const [first] = pieces;
  if (!first || pieces.some((piece) => colourOf(piece) !== colourOf(first))) return undefined;
  return pieces.every((piece) => piece === first) ? ofAKind(nameOf(first), pieces.length) : straight(pieces);
}

const OF_A_KIND: readonly (PlayKind | undefined)[] = [
  undefined,
  "single",
  "pair",
  "three_of_a_kind",
  "four_of_a_kind",
  "five_of_a_kind",
];

const ofAKind = (name: Name, count: number): PlayKind | undefined =>
  count <= 2 || name === "soldier" ? OF_A_KIND[count] : undefined;

/** All three names of the court or of the field, each once or twice. */
function straight(pieces: readonly Piece[]): PlayKind | undefined {
  const count = (name: Name) => pieces.filter((piece) => nameOf(piece) === name).length;
  const all = (names: readonly Name[]) =>
    names.every((name) => count(name) === 1 || count(name) === 2) &&
    names.reduce((sum, name) => sum + count(name), 0) === pieces.length;
  const field = all(FIELD);
  if (!field && !all(COURT)) return undefined;
  if (pieces.length === 6) return field ? "double_straight" : undefined;
  return (["straight", "extended_straight", "extended_straight_5"] as const)[pieces.length - 3];
}

const COUNTED: Partial<Record<PlayKind, string>> = {
  pair: "Pair of",
  three_of_a_kind: "Three",
  four_of_a_kind: "Four",
  five_of_a_kind: "Five",
};

const STRAIGHTS: Partial<Record<PlayKind, string>> = {
  straight: "Straight",
  extended_straight: "Extended straight",
  extended_straight_5: "Extended straight of five",
  double_straight: "Double straight",
};

/** "Pair of chariots", "Five soldiers", "Straight". */
export function called(pieces: readonly Piece[], kind: PlayKind): string {
  const straight = STRAIGHTS[kind];
  if (straight) return straight;
  const name = pieces[0] ? nameOf(pieces[0]) : "piece";
  const counted = COUNTED[kind];
  return counted ? `${counted} ${name}s` : name.charAt(0).toUpperCase() + name.slice(1);
}

/** The places of a hand that can still join what a leader has chosen, so that all together end as a set. */
export function joining(hand: readonly Piece[], chosen: ReadonlySet<number>): Set<number> {
  const free = hand.map((_, at) => at).filter((at) => !chosen.has(at));
  return new Set(free.filter((at) => leads(hand, [...chosen, at], free)));
}

/** Whether these places, alone or with some of the free ones after them, make a set. */
function leads(hand: readonly Piece[], places: readonly number[], free: readonly number[]): boolean {
  if (setOf(places.map((at) => hand[at]!))) return true;
  if (places.length >= PLAY_PIECES_MAX) return false;
  return free.some((at, n) => !places.includes(at) && leads(hand, [...places, at], free.slice(n + 1)));
}
