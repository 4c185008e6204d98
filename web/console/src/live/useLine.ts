// The line of one room in words: how it is, when it was last heard, and what passed while it was down.
import { useEffect, useRef, useState } from "react";
import type { AnyRoom, LineStatus, ResumedNote } from "../sdk";
import type { Tone } from "../ui/Status";
import { place } from "../ui/position";
import { recall, remember } from "../ui/memory";
import { useCalm } from "./useCalm";
import { caughtUp } from "./words";

/** The catch-up line is read and then in the way. */
const STAYS = 15_000;

export interface Line {
  tone: Tone;
  heardAt: number;
  note: string;
}

/** A closed line is for the reader what a lost one is. */
export const tone = (status: LineStatus): Tone => (status === "closed" ? "offline" : status);

/**
 * `own` are the seqs of commits that this device made: they did not happen while it was away.
 * `remembered` names the place where the newest seq is kept between visits.
 */
export function useLine(room: AnyRoom, own: ReadonlySet<number>, remembered?: string): Line {
  const now = useCalm(tone(room.status));
  const heardAt = useHeardAt(now);
  const note = useCatchUp(now, room, own, remembered);
  return { tone: now, heardAt, note };
}

/** While the line is live it is heard all the time; from then on the clock stands. */
function useHeardAt(now: Tone): number {
  const at = useRef(Date.now());
  useEffect(() => {
    if (now === "live")
      return () => {
        at.current = Date.now();
      };
  }, [now]);
  return now === "live" ? Date.now() : at.current;
}

function useCatchUp(now: Tone, { resumed, position }: AnyRoom, own: ReadonlySet<number>, remembered?: string): string {
  const [since, setSince] = useState<{ from: number; to: number; reset: boolean }>();
  const seen = useRef<ResumedNote | null>(null);
  const away = useRef(true);

  useEffect(() => {
    if (now !== "live") away.current = true;
    if (now !== "live" || !resumed || seen.current === resumed) return;
    seen.current = resumed;
    // Whoever was not seen to be away has nothing to be told.
    if (!away.current) return;
    away.current = false;
    setSince(passed(resumed, remembered && recall(remembered)));
  }, [now, resumed, remembered]);

  useEffect(() => {
    if (now === "live" && position && remembered) remember(remembered, position);
  }, [now, position, remembered]);

  useEffect(() => {
    if (!since) return;
    const timer = setTimeout(() => setSince(undefined), STAYS);
    return () => clearTimeout(timer);
  }, [since]);

  if (!since || now !== "live") return "";
  if (since.reset) return "This room went back to an earlier point. You see it from there.";
  const mine = [...own].filter((seq) => seq > since.from && seq <= since.to).length;
  return caughtUp(since.to - since.from - mine);
}

/**
 * The commits that this device did not hear: since the drop, or on a first look since the last visit, to `kept`. They end
 * where the host was when it answered; the view that it announced may still be under way.
 */
export function passed(resumed: ResumedNote, kept: string | undefined) {
  const head = place(resumed.position);
  if (resumed.kind === "reset") return { from: head.seq, to: head.seq, reset: true };
  if (resumed.missed !== null) return { from: head.seq - resumed.missed, to: head.seq, reset: false };
  if (!kept) return undefined;
  const last = place(kept);
  return last.epoch === head.epoch && last.seq < head.seq ? { from: last.seq, to: head.seq, reset: false } : undefined;
}
