// Views of made-up moments, for tests: Ana, a bot, a player whom a bot stands in for, and the reader in slot 4.
import type { LiapTuiView, Piece, PlayView, SeatView, TrickView } from "../../../generated/liap-tui";
import { PIECES } from "./pieces";
import { setOf } from "./plays";

export const NOW = 1_800_000_000_000;

export const pieces = (...worth: number[]): Piece[] => worth.map((it) => PIECES[it - 1]!);

export function seat(name: string, avatar: number, more: Partial<SeatView> = {}): SeatView {
  const fresh = { declared: null, hand: null, hand_count: 8, host: false, level: null, piles: 0, score: 0, away: false };
  return { name, avatar, principal: name.toLowerCase(), ...fresh, ...more };
}

/** Open pieces, or so many face-down ones. */
export const play = (slot_id: number, of?: Piece[]): PlayView => ({
  slot_id,
  pieces: of ?? null,
  kind: (of && setOf(of)?.kind) ?? null,
});

export const trick = (leader: number, more: Partial<TrickView> = {}): TrickView => ({
  leader,
  required: null,
  plays: [],
  winner: null,
  ...more,
});

/** Three have played two pieces each, and the reader is to follow. */
export function sample(more: Partial<LiapTuiView> = {}): LiapTuiView {
  const first = [play(1, pieces(13)), play(2, pieces(9)), play(3, pieces(4)), play(4, pieces(2))];
  return {
    title: "Ana's table",
    mode: "first_to_50",
    pace: "normal",
    private: false,
    phase: "turn",
    seats: [
      seat("Ana", 0, { declared: 3, piles: 1, score: 31, hand_count: 5, host: true }),
      seat("Moss", 1, { declared: 1, piles: 1, score: 18, hand_count: 5, level: "hard", principal: null }),
      seat("Bo", 2, { declared: 0, score: 27, hand_count: 5, away: true }),
      seat("Yi", 4, { declared: 2, score: 36, hand_count: 7, hand: pieces(12, 8, 8, 6, 5, 2, 1) }),
    ],
    you: 4,
    round: 3,
    multiplier: 2,
    starter: 1,
    reason: "won_last_turn",
    awaited: [4],
    until: NOW + 32_000,
    weak_hand: null,
    may_declare: [],
    trick: trick(1, { required: 2, plays: [play(1), play(2), play(3)] }),
    tricks: [trick(1, { required: 1, plays: first, winner: 1 })],
    sheet: [
      { round: 1, multiplier: 1, declared: [2, 1, 3, 3], piles: [2, 2, 1, 3], points: [7, -1, -2, 8] },
      { round: 2, multiplier: 3, declared: [2, 1, 0, 4], piles: [2, 2, 0, 4], points: [21, -3, 9, 27] },
    ],
    result: null,
    rematch: null,
    deals: [],
    ...more,
  };
}

export const leading = (more: Partial<LiapTuiView> = {}): LiapTuiView => sample({ trick: trick(4), ...more });

/** The reader is the last to declare: Ana, Moss and Bo have said 5 together. */
export function declaring(more: Partial<LiapTuiView> = {}): LiapTuiView {
  const [ana, moss, bo, yi] = sample().seats as [SeatView, SeatView, SeatView, SeatView];
  const held = { piles: 0, hand_count: 8 };
  return sample({
    phase: "declaration",
    until: NOW + 30_000,
    seats: [
      { ...ana, ...held, declared: 3 },
      { ...moss, ...held, declared: 1 },
      { ...bo, ...held, declared: 1 },
      { ...yi, ...held, declared: null, hand: pieces(14, 12, 8, 8, 6, 5, 2, 1) },
    ],
    may_declare: [1, 2, 4, 5, 6, 7, 8],
    trick: trick(1),
    tricks: [],
    ...more,
  });
}

export function weak(more: Partial<LiapTuiView> = {}): LiapTuiView {
  const before = declaring();
  const seats = before.seats.map((it) => it && { ...it, declared: null });
  seats[3] = { ...seats[3]!, hand: pieces(9, 9, 7, 6, 4, 3, 2, 1) };
  const weak_hand = { warn_at: NOW + 20_000, next_multiplier: 2 };
  const asked = { phase: "preparation", multiplier: 1, starter: null, reason: null, awaited: [], may_declare: [] } as const;
  return { ...before, ...asked, awaited: [], may_declare: [], seats, weak_hand, until: NOW + 30_000, ...more };
}

/** The last of four has played: all lie open. */
export function flipped(more: Partial<LiapTuiView> = {}): LiapTuiView {
  const plays = [play(1, pieces(7, 7)), play(2, pieces(1, 1)), play(3, pieces(9, 4)), play(4, pieces(8, 8))];
  const seats = [...sample().seats];
  seats[3] = { ...seats[3]!, hand: pieces(12, 6, 5, 2, 1), hand_count: 5 };
  return sample({ seats, awaited: [], until: NOW + 5000, trick: trick(1, { required: 2, plays, winner: 4 }), ...more });
}

/** The reader has won. */
export function over(more: Partial<LiapTuiView> = {}): LiapTuiView {
  const result = { winners: [4], ranks: [2, 4, 3, 1], turns_won: [5, 3, 2, 6], perfect_rounds: [1, 0, 1, 2], rounds: 3, duration_ms: 600_000 };
  const deals = [{ round: 1, seed: Array.from({ length: 32 }, () => 0) }];
  return sample({ phase: "game_over", awaited: [], until: null, result, deals, ...more });
}

/** Before the start: Ana is the host, a bot and Bo sit there, and seat 4 is free. */
export function waiting(more: Partial<LiapTuiView> = {}): LiapTuiView {
  const seats = [
    seat("Ana", 0, { host: true, hand_count: 0 }),
    seat("Moss", 1, { level: "hard", principal: null, hand_count: 0 }),
    seat("Bo", 2, { hand_count: 0 }),
    null,
  ];
  const nothing = { you: null, round: 0, multiplier: 1, starter: null, reason: null, awaited: [], until: null, sheet: [], tricks: [] };
  return sample({ phase: "waiting", seats, ...nothing, trick: trick(1), ...more });
}

/** What somebody without a seat sees. */
export function watched(view: LiapTuiView): LiapTuiView {
  const seats = view.seats.map((it) => it && { ...it, hand: null });
  const plays = view.trick.plays.map((it) => (view.trick.winner === null ? { ...it, pieces: null, kind: null } : it));
  return { ...view, you: null, seats, weak_hand: null, may_declare: [], trick: { ...view.trick, plays } };
}
