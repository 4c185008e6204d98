// The seats of one room, kept between visits so that nobody changes colour.
import { useEffect, useMemo, useRef, useState } from "react";
import { recallJson, remember } from "../ui/memory";
import { type SeatBook, seated } from "../ui/seats";

/** `people` in the order in which they take seats: the order of the room itself first, then whoever is here. */
export function useSeats(room: string, people: readonly string[]): SeatBook {
  const key = `dormouse.seats.${room}`;
  const [book, setBook] = useState<SeatBook>(() => recallJson<SeatBook>(key, {}));
  const next = useMemo(() => seated(book, people), [book, people]);
  // Within the render, not after it: people may come faster than React lets effects set a state.
  if (next !== book) setBook(next);
  const kept = useRef(book);
  useEffect(() => {
    if (kept.current === next) return;
    kept.current = next;
    remember(key, JSON.stringify(next));
  }, [next, key]);
  return next;
}
