// What the table says: whose turn it is, what a choice of pieces makes, and what happened.
import type { LiapTuiView, Mode, Piece, PlayView, RoundScore, TrickView } from "../../../generated/liap-tui";
import { capital, spell } from "../../../ui/words";
import { askedOf, seatOf } from "./around";
import { colourOf } from "./pieces";
import { called, PLAY_PIECES_MAX, setOf } from "./plays";

/** A view, from a seat, with the trick on the table open or still face down. */
export interface Seen {
  view: LiapTuiView;
  you: number | null;
  open: boolean;
}

export const counted = (n: number, thing: string): string => `${spell(n)} ${thing}${n === 1 ? "" : "s"}`;

export const signed = (n: number): string => (n > 0 ? `+${n}` : n < 0 ? `−${-n}` : "0");

const unit = (n: number): string => (Math.abs(n) === 1 ? "point" : "points");

export const who = ({ view, you }: Seen, slot: number): string =>
  slot === you ? "You" : (seatOf(view, slot)?.name ?? `Seat ${slot}`);

/** "You take", "Ana takes". */
const does = (seen: Seen, slot: number, verb: string): string =>
  `${who(seen, slot)} ${slot === seen.you ? verb : `${verb}s`}`;

const GOALS: Record<Mode, string> = {
  first_to_50: "First to 50 wins.",
  most_after_20: "Most points after 20 rounds wins.",
  exactly_50: "Exactly 50 wins.",
};
export const goal = (mode: Mode): string => GOALS[mode];

/** The sentence in the middle of the table, and a quieter one beneath. */
export interface Call {
  head: string;
  more: string;
}

export function call(seen: Seen): Call {
  const { view } = seen;
  switch (view.phase) {
    case "preparation":
      return preparation(view);
    case "round_start":
      return { head: `${does(seen, view.starter ?? 1, "start")} round ${view.round}.`, more: reason(seen) };
    case "declaration":
      return declaration(seen);
    case "turn":
      return turn(seen);
    case "turn_results":
      return result(seen, view.tricks.at(-1));
    case "scoring":
      return { head: `Round ${view.round} is scored.`, more: goal(view.mode) };
    case "game_over":
      return { head: `${winners(seen)}.`, more: "The game is over, and every hand is open." };
    case "waiting":
      return { head: "The game has not begun.", more: "" };
  }
}

function preparation(view: LiapTuiView): Call {
  const more = view.multiplier > 1 ? `Dealt again: this round counts ×${view.multiplier}.` : "Eight pieces each.";
  return { head: view.weak_hand ? "Your hand is weak." : `Round ${view.round} is dealt.`, more };
}

function reason(seen: Seen): string {
  const slot = seen.view.starter ?? 1;
  if (seen.view.reason === "accepted_redeal") return `${who(seen, slot)} asked for the new deal.`;
  if (seen.view.reason === "won_last_turn") return `${who(seen, slot)} took the last trick.`;
  return `${slot === seen.you ? "You hold" : `${who(seen, slot)} holds`} the red general.`;
}

function declaration(seen: Seen): Call {
  const { view } = seen;
  const said = view.seats.flatMap((seat) => (seat?.declared == null ? [] : [seat.declared]));
  const sum = said.reduce((a, b) => a + b, 0);
  const more = said.length === 0 ? "Nobody has declared yet." : `Declared so far: ${sum} of 8 piles.`;
  const [slot] = view.awaited;
  if (askedOf(view) === "declare") return { head: "Your turn. How many piles?", more };
  return { head: slot === undefined ? "All have declared." : `${does(seen, slot, "declare")}.`, more };
}

function turn(seen: Seen): Call {
  const { trick, awaited } = seen.view;
  const [slot] = awaited;
  if (slot === undefined) return result(seen, trick);
  const leads = trick.required === null;
  if (askedOf(seen.view) === "play")
    return leads
      ? { head: "Your turn. Lead 1 to 6 pieces.", more: "Whatever you lead makes a set; the others follow with as many." }
      : { head: `Your turn. Play ${counted(trick.required!, "piece")}.`, more: led(seen) };
  return leads
    ? { head: `${does(seen, slot, "lead")}.`, more: "Pieces lie face down until all have played." }
    : { head: `${does(seen, slot, "play")} ${counted(trick.required!, "piece")}.`, more: led(seen) };
}

const led = (seen: Seen): string => `${does(seen, seen.view.trick.leader, "lead")}. All four turn over together.`;

function result(seen: Seen, trick: TrickView | undefined): Call {
  if (!trick || trick.winner === null || !seen.open)
    return { head: "All have played.", more: "They turn over together." };
  const best = trick.plays.find((play) => play.slot_id === trick.winner);
  return { head: taken(seen, trick), more: best ? capital(inWords(best)) : "" };
}

export const taken = (seen: Seen, trick: TrickView): string =>
  `${does(seen, trick.winner ?? 1, "take")} ${counted(trick.required ?? 0, "pile")}.`;

/** "pair of chariots, 16 points", or what a forfeit is. */
export function inWords({ pieces, kind }: PlayView): string {
  if (!pieces) return "face down";
  const set = setOf(pieces);
  if (!kind || !set) return "no set";
  const name = called(pieces, kind);
  return `${name.charAt(0).toLowerCase()}${name.slice(1)}, ${set.strength} ${unit(set.strength)}`;
}

function winners(seen: Seen): string {
  const slots = seen.view.result?.winners ?? [];
  if (slots.length === 1) return does(seen, slots[0]!, "win");
  const names = slots.map((slot) => who(seen, slot));
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? "nobody"} win`;
}

export interface Verdict {
  legal: boolean;
  words: string;
}

/** What is led with so many pieces, as far as a follower can know: the pieces lie face down. */
const LED: Record<number, string> = { 1: "one", 2: "a pair", 6: "a double straight" };

/** What a choice of pieces makes, and why it may not be played. */
export function verdict(pieces: readonly Piece[], seen: Seen): Verdict {
  const { required, leader } = seen.view.trick;
  const mine = askedOf(seen.view) === "play";
  if (pieces.length === 0) return { legal: false, words: mine ? invitation(required) : "" };
  if (mine && required !== null && pieces.length !== required) {
    const words = `${capital(counted(required, "piece"))}, please: ${who(seen, leader)} led ${LED[required] ?? spell(required)}.`;
    return { legal: false, words };
  }
  const set = setOf(pieces);
  if (set) return { legal: mine, words: `${called(pieces, set.kind)}, ${set.strength} ${unit(set.strength)}` };
  if (mine && required !== null) return { legal: true, words: "No set: you give these away, they cannot take the trick." };
  return { legal: false, words: noSet(pieces) };
}

const invitation = (required: number | null): string =>
  required === null ? "Choose 1 to 6 pieces that make a set." : `Choose ${counted(required, "piece")}, any you like.`;

function noSet(pieces: readonly Piece[]): string {
  if (pieces.length > PLAY_PIECES_MAX) return "At most six pieces make a set.";
  if (new Set(pieces.map(colourOf)).size > 1) return "A set has one colour: choose only red or only black pieces.";
  return "These make no set. Lead a single piece, a pair, three to five soldiers, or a straight.";
}

/** Why a value may not be declared. The rules know two reasons. */
export function whyNot(value: number, view: LiapTuiView): string {
  const said = view.seats.flatMap((seat) => (seat?.declared == null ? [] : [seat.declared]));
  const sum = said.reduce((a, b) => a + b, 0);
  if (said.length === 3 && sum + value === 8) return `Not ${value}: the four together may not make 8.`;
  return `Not ${value}: you declared 0 twice in a row.`;
}

/** What happened between two looks, then what the reader is asked. Nothing that both of them show is said again. */
export function news(before: Seen | undefined, after: Seen): string {
  const said = before && before.view.round === after.view.round ? changes(before, after) : [];
  const is = call(after);
  const asks = prompt(after);
  const was = before && call(before);
  const began = was?.head !== is.head || was.more !== is.more;
  if (began && announcedByCall(after)) said.push(`${is.head} ${is.more}`.trim());
  if (asks && (!before || prompt(before) !== asks)) said.push(asks);
  return said.join(" ");
}

const announcedByCall = ({ view }: Seen): boolean =>
  ["preparation", "round_start", "scoring", "game_over"].includes(view.phase);

function changes(before: Seen, after: Seen): string[] {
  const lines: string[] = [];
  for (const [at, seat] of after.view.seats.entries()) {
    const was = before.view.seats[at];
    if (!seat || !was || at + 1 === after.you) continue;
    if (seat.away && !was.away) lines.push(`A bot plays for ${seat.name}.`);
    if (!seat.away && was.away) lines.push(`${seat.name} is back.`);
    if (seat.declared !== null && was.declared === null) lines.push(`${seat.name} declares ${seat.declared}.`);
  }
  lines.push(...played(before, after));
  const trick = openTrick(after);
  if (trick && !openTrick(before)) lines.push(flipped(after, trick));
  return lines;
}

function played(before: Seen, after: Seen): string[] {
  if (after.view.phase !== "turn") return [];
  const { trick, tricks } = after.view;
  const known = before.view.tricks.length === tricks.length ? before.view.trick.plays.length : 0;
  const others = trick.plays.slice(known).filter((play) => play.slot_id !== after.you);
  return others.map((play) => `${does(after, play.slot_id, "play")} ${counted(trick.required ?? 0, "piece")}.`);
}

function openTrick({ view, open }: Seen): TrickView | undefined {
  if (view.phase === "turn" && open && view.trick.winner !== null) return view.trick;
  return view.phase === "turn_results" && open ? view.tricks.at(-1) : undefined;
}

const flipped = (seen: Seen, trick: TrickView): string =>
  [...trick.plays.map((play) => `${who(seen, play.slot_id)}: ${inWords(play)}.`), taken(seen, trick)].join(" ");

function prompt({ view }: Seen): string {
  switch (askedOf(view)) {
    case "decide":
      return "Ask for another deal, or keep this hand?";
    case "declare":
      return "Your turn: declare how many piles you will take.";
    case "play":
      return view.trick.required === null
        ? "Your turn: lead 1 to 6 pieces."
        : `Your turn: play ${counted(view.trick.required, "piece")}.`;
    default:
      return "";
  }
}

/** What an exact declaration would bring. */
export const ifExact = (declared: number, multiplier: number): number => (declared === 0 ? 3 : declared + 5) * multiplier;

/** "declared 2, took 1". */
export const aim = (declared: number | null, piles: number): string =>
  declared === null ? "has not declared" : `declared ${declared}, took ${piles}`;

export const lineOf = (round: RoundScore, slot: number): string =>
  `${aim(round.declared[slot - 1]!, round.piles[slot - 1]!)}, ${signed(round.points[slot - 1]!)} ${unit(round.points[slot - 1]!)}`;
