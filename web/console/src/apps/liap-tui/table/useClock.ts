// The seconds that are left, by the host's clock.
import { useEffect, useReducer } from "react";

const EVERY = 250;

/** Nothing where nothing is waited for. */
export function useSecondsLeft(until: number | null, now: () => number): number | undefined {
  const [, tick] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    if (until === null) return;
    const timer = setInterval(tick, EVERY);
    return () => clearInterval(timer);
  }, [until]);
  return until === null ? undefined : Math.max(0, Math.ceil((until - now()) / 1000));
}
