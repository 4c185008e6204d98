// The way back to the tables once a game has ended: taken by itself, unless anything shows that somebody uses the page.
import { useCallback, useEffect, useRef, useState } from "react";
import type { Phase } from "../../generated/liap-tui";
import { navigate } from "../../router";

/** Seconds. */
export const FROM = 60;
/** The last two come without a key or a pointer where a screen reader presses or moves something for somebody. */
const USES = ["pointerdown", "keydown", "wheel", "click", "input"] as const;

/** A table that was over from the first is there to be looked at. */
export function useSawEnd(phase: Phase | undefined): boolean {
  const sawBefore = useRef(false);
  if (phase !== undefined && phase !== "game_over") sawBefore.current = true;
  return sawBefore.current && phase === "game_over";
}

/** While it is `held` no second passes. Once somebody stays, it is over for good. */
export function useReturn(held: boolean) {
  const [left, setLeft] = useState(FROM);
  const [stays, setStays] = useState(false);
  const stay = useCallback(() => setStays(true), []);
  useEffect(() => {
    if (stays) return;
    // Before anybody else hears of it: a use that something swallows is a use too.
    for (const use of USES) addEventListener(use, stay, true);
    return () => {
      for (const use of USES) removeEventListener(use, stay, true);
    };
  }, [stays, stay]);
  const counts = !stays && !held && left > 0;
  useEffect(() => {
    if (!counts) return;
    // Seconds are counted, not read from a clock: a device that slept does not throw out whoever opens it again.
    const timer = setInterval(() => setLeft((seconds) => seconds - 1), 1000);
    return () => clearInterval(timer);
  }, [counts]);
  useEffect(() => {
    if (left <= 0) navigate("/liap-tui");
  }, [left]);
  return { left, stays, stay };
}
