// The host's clock and how far away it is, by asking it how it is. Deadlines are in its time, not in this device's.
import { useCallback, useEffect, useRef, useState } from "react";

const EVERY = 15_000;

export interface HostTime {
  /** The host's time, in milliseconds. */
  now(): number;
  /** The way there and back, in milliseconds; unknown before the first answer and while there is none. */
  latency: number | undefined;
}

export function useHostTime(): HostTime {
  const offset = useRef(0);
  const [latency, setLatency] = useState<number>();
  useEffect(() => {
    let gone = false;
    async function ask() {
      if (document.hidden) return;
      const sent = performance.now();
      const answer = await timestamp().catch(() => undefined);
      const took = performance.now() - sent;
      if (gone) return;
      if (answer !== undefined) offset.current = answer + took / 2 - Date.now();
      setLatency(answer === undefined ? undefined : Math.max(1, Math.round(took)));
    }
    void ask();
    const timer = setInterval(() => void ask(), EVERY);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, []);
  const now = useCallback(() => Date.now() + offset.current, []);
  return { now, latency };
}

async function timestamp(): Promise<number | undefined> {
  const answer = await fetch("/health", { cache: "no-store" });
  const { timestamp } = (await answer.json()) as { timestamp?: unknown };
  return typeof timestamp === "number" ? timestamp : undefined;
}
