// Who is here, who types, and who left while we watched.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { AnyHandle, Person } from "../sdk";

/** A signal is heard for this long; typing goes on is said again sooner. */
const TYPING_LASTS = 3000;
const TYPING_EVERY = 1200;

export interface Presence extends Person {
  state: "here" | "typing" | "left";
  leftAt?: number;
}

/** Ids of those who type. Reads any signal `{typing: true}`. */
export function useTyping(handle: AnyHandle, me: string | undefined) {
  const [until, setUntil] = useState<Record<string, { name: string; until: number }>>({});
  const said = useRef(0);

  useEffect(
    () =>
      handle.onSignal(({ from, signal }) => {
        if (!from || from.id === me || typeof signal !== "object" || signal === null || !("typing" in signal)) return;
        const typing = Boolean((signal as { typing: unknown }).typing);
        setUntil((old) => ({ ...old, [from.id]: { name: from.name, until: typing ? Date.now() + TYPING_LASTS : 0 } }));
      }),
    [handle, me],
  );

  // One timer for the next one who stops.
  useEffect(() => {
    const open = Object.values(until).map((t) => t.until);
    if (open.length === 0) return;
    const timer = setTimeout(
      () => setUntil((old) => Object.fromEntries(Object.entries(old).filter(([, t]) => t.until > Date.now()))),
      Math.max(0, Math.min(...open) - Date.now()) + 20,
    );
    return () => clearTimeout(timer);
  }, [until]);

  const say = useCallback(
    (typing: boolean) => {
      if (typing && Date.now() - said.current < TYPING_EVERY) return;
      if (!typing && said.current === 0) return;
      said.current = typing ? Date.now() : 0;
      handle.signal({ typing });
    },
    [handle],
  );

  const typing = useMemo(
    () =>
      new Map(
        Object.entries(until)
          .filter(([, t]) => t.until > 0)
          .map(([id, t]) => [id, t.name]),
      ),
    [until],
  );
  return { typing, say };
}

/** Those who left stay for a while, in words: their seat does not vanish from under a sentence about them. */
export function usePresence(here: readonly Person[], typing: ReadonlyMap<string, string>): Presence[] {
  const known = useRef(new Map<string, Presence>());
  return useMemo(() => {
    const now = new Map(here.map((p) => [p.id, p]));
    for (const [id, person] of known.current) {
      if (!now.has(id) && person.state !== "left")
        known.current.set(id, { ...person, state: "left", leftAt: Date.now() });
    }
    for (const [id, { name }] of now) known.current.set(id, { id, name, state: typing.has(id) ? "typing" : "here" });
    return [...known.current.values()];
  }, [here, typing]);
}
