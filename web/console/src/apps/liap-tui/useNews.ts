// What happens to seats, said once at the bottom: who lost the line, who is back, who is host now, who wants to play again.
import { useEffect, useRef } from "react";
import type { LiapTuiView } from "../../generated/liap-tui";
import { useToast } from "../../ui/Toast";

export function useNews(view: LiapTuiView | undefined, me: string | undefined): void {
  const toast = useToast();
  const before = useRef<LiapTuiView>(undefined);
  useEffect(() => {
    const words = before.current && view ? news(before.current, view, me) : undefined;
    before.current = view;
    if (words) toast(words);
  }, [view, me, toast]);
}

/** One sentence, of what matters most. */
export function news(before: LiapTuiView, after: LiapTuiView, me: string | undefined): string | undefined {
  if (!before.rematch && after.rematch) return "A rematch is open. Everybody who played may sit down.";
  const isPlaying = after.phase !== "waiting" && after.phase !== "game_over";
  for (const [at, seat] of after.seats.entries()) {
    const was = before.seats[at];
    if (!seat || !was || seat.principal === null || seat.principal !== was.principal || seat.principal === me) continue;
    if (seat.away && !was.away)
      return isPlaying ? `${seat.name} lost the line. A bot plays until they are back.` : `${seat.name} lost the line.`;
    if (!seat.away && was.away) return `${seat.name} is back.`;
    if (seat.host && !was.host) return `${seat.name} is the host now.`;
  }
  const mine = after.seats.find((seat) => seat?.principal === me && me !== undefined);
  const wasHost = before.seats.some((seat) => seat?.principal === me && seat?.host);
  return mine?.host && !wasHost && before.seats.some((seat) => seat?.principal === me) ? "You are the host now." : undefined;
}
