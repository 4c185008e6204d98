// The 32 pieces: what they are called, how they are written, and what they are worth.
import type { Piece } from "../../../generated/liap-tui";

/** Lowest first: a piece's points are its place here. */
export const PIECES: readonly Piece[] = [
  "black_soldier",
  "red_soldier",
  "black_cannon",
  "red_cannon",
  "black_horse",
  "red_horse",
  "black_chariot",
  "red_chariot",
  "black_elephant",
  "red_elephant",
  "black_advisor",
  "red_advisor",
  "black_general",
  "red_general",
];

export type Name = "soldier" | "cannon" | "horse" | "chariot" | "elephant" | "advisor" | "general";
export type Colour = "red" | "black";

const CHARACTERS: Record<Name, Record<Colour, string>> = {
  general: { red: "帥", black: "將" },
  advisor: { red: "仕", black: "士" },
  elephant: { red: "相", black: "象" },
  chariot: { red: "俥", black: "車" },
  horse: { red: "傌", black: "馬" },
  cannon: { red: "炮", black: "包" },
  soldier: { red: "兵", black: "卒" },
};

const COPIES: Partial<Record<Name, number>> = { general: 1, soldier: 5 };

export const points = (piece: Piece): number => PIECES.indexOf(piece) + 1;

export const colourOf = (piece: Piece): Colour => (piece.startsWith("red") ? "red" : "black");

export const nameOf = (piece: Piece): Name => piece.slice(piece.indexOf("_") + 1) as Name;

export const characterOf = (piece: Piece): string => CHARACTERS[nameOf(piece)][colourOf(piece)];

/** How many of it are in the deck. */
export const copiesOf = (piece: Piece): number => COPIES[nameOf(piece)] ?? 2;

/** "Chariot, red, 8 points". */
export function spoken(piece: Piece): string {
  const name = nameOf(piece);
  const worth = points(piece);
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}, ${colourOf(piece)}, ${worth} ${worth === 1 ? "point" : "points"}`;
}
