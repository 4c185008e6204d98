// The status as a person is shown it: a line that comes back at once was never away. Hosts and gateways close lines after some hours.
import { useEffect, useReducer, useRef } from "react";
import { useClient } from "@dormouse/react";
import type { Tone } from "../ui/Status";

/** As long as nobody would have noticed. */
export const GRACE_MS = 1_000;

export interface Calm {
  readonly shown: Tone;
  /** When a line was closed that still counts as live. */
  readonly lostAt: number | null;
}

/** `closed`: the other side ended the line, and nothing worse is known. What a person did themselves they see at once. */
export function calm({ shown, lostAt }: Calm, tone: Tone, closed: boolean, at: number): Calm {
  if (tone === "live" || shown !== "live" || !closed) return { shown: tone, lostAt: null };
  const since = lostAt ?? at;
  return at - since < GRACE_MS ? { shown, lostAt: since } : { shown: tone, lostAt: null };
}

export function useCalm(tone: Tone): Tone {
  const client = useClient();
  const [, look] = useReducer((n: number) => n + 1, 0);
  const held = useRef<Calm>({ shown: tone, lostAt: null });
  held.current = calm(held.current, tone, client.error?.name === "line_closed", Date.now());
  const { shown, lostAt } = held.current;

  useEffect(() => {
    if (lostAt === null) return;
    const timer = setTimeout(look, lostAt + GRACE_MS - Date.now());
    return () => clearTimeout(timer);
  }, [lostAt]);

  return shown;
}
