// When the plays of a trick turn over: all together, a moment after the last.
import { useEffect, useState } from "react";
import type { Shown } from "./around";

const HOLD = 800;

export interface Flip {
  open: boolean;
  /** Seen face down before: these turn over, and are not just there. */
  turns: boolean;
}

/** `holds` is false where nothing moves: a look at the past, a fast game, a reader who asked for less motion. */
export function useFlip(shown: Shown | undefined, holds: boolean): Flip {
  const isFlipped = shown !== undefined && shown.trick.winner !== null;
  const [down, setDown] = useState<string>();
  const [held, setHeld] = useState<string>();

  // Both within the render: a frame with the open pieces would give the trick away.
  if (shown && !isFlipped && down !== shown.key) setDown(shown.key);
  const turns = shown !== undefined && down === shown.key && holds;
  if (turns && isFlipped && held !== shown.key) setHeld(shown.key);

  const [released, setReleased] = useState<string>();
  useEffect(() => {
    if (held === undefined) return;
    const timer = setTimeout(() => setReleased(held), HOLD);
    return () => clearTimeout(timer);
  }, [held]);
  return { open: isFlipped && (!turns || released === shown.key), turns };
}

export const movesLittle = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;
