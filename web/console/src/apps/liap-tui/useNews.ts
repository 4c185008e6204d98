// What happens to seats, said once at the bottom: who lost the line, who is back, who is host now, who wants to play again.
import { useEffect, useRef } from "react";
import type { LiapTuiView, Phase, SeatView } from "../../generated/liap-tui";
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

/** A sentence for each thing that happened: one update may bring several. */
export function news(before: LiapTuiView, after: LiapTuiView, me: string | undefined): string | undefined {
  const seats = after.seats.map((seat, at) => (seat ? newsOf(seat, before.seats[at] ?? null, after.phase, me) : undefined));
  const rematch = !before.rematch && after.rematch ? "A rematch is open. Everybody who played may sit down." : undefined;
  return [rematch, ...seats].filter(Boolean).join(" ") || undefined;
}

function newsOf(seat: SeatView, was: SeatView | null, phase: Phase, me: string | undefined): string | undefined {
  if (!was || seat.principal === null || seat.principal !== was.principal) return undefined;
  const isMine = seat.principal === me;
  if (seat.host && !was.host) return isMine ? "You are the host now." : `${seat.name} is the host now.`;
  if (isMine || seat.away === was.away) return undefined;
  if (!seat.away) return `${seat.name} is back.`;
  const isPlaying = phase !== "waiting" && phase !== "game_over";
  return `${seat.name} lost the line.${isPlaying ? " A bot plays until they are back." : ""}`;
}
