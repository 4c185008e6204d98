// Who sits where: a person's colour and shape, fixed for the life of a room.
//
// A seat is first guessed from the person's id, so that two devices agree without asking each other, and then moved on
// while somebody else sits there. The book is kept, so that nobody changes colour when another one comes or goes.

export const SEATS = 8;

export type SeatBook = Record<string, number>;

/** FNV-1a: short, and spreads ids that differ in one character. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return h;
}

/** The book with a seat (1 to 8) for each of these people; the same book if they all had one. Past eight, people share. */
export function seated(book: SeatBook, people: readonly string[]): SeatBook {
  const missing = people.filter((id) => book[id] === undefined);
  if (missing.length === 0) return book;
  const next = { ...book };
  for (const id of missing) next[id] ??= free(new Set(Object.values(next)), hash(id) % SEATS);
  return next;
}

function free(taken: Set<number>, guess: number): number {
  for (let step = 0; step < SEATS; step++) {
    const seat = ((guess + step) % SEATS) + 1;
    if (!taken.has(seat)) return seat;
  }
  return guess + 1;
}

export const letter = (name: string): string => [...name.trim()][0]?.toUpperCase() ?? "?";
