// The one move that is under way: shown as made before the host answers, and taken back if the rules refuse it.
import { useCallback, useState } from "react";
import type { LiapTuiCommand, LiapTuiView } from "../../../generated/liap-tui";
import { refused as inWords } from "../../../live/words";
import { seatOf } from "./around";

export interface Move {
  sent: LiapTuiCommand | undefined;
  /** The rules' own words, where the move was made. */
  refused: string;
  make(command: LiapTuiCommand): void;
  /** The reader chooses anew. */
  forget(): void;
}

interface State {
  asked: string;
  sent?: LiapTuiCommand;
  refused?: string;
}

export function useMove(view: LiapTuiView, send: (command: LiapTuiCommand) => Promise<unknown>): Move {
  const asked = askedFor(view);
  const [state, setState] = useState<State>({ asked });
  // The game went on, with this move or without it.
  if (state.asked !== asked) setState({ asked });

  const make = useCallback(
    (sent: LiapTuiCommand) => {
      setState(({ asked }) => ({ asked, sent }));
      send(sent).catch((error: unknown) => setState(({ asked }) => ({ asked, refused: inWords(error) })));
    },
    [send],
  );
  const forget = useCallback(() => setState((old) => (old.refused ? { asked: old.asked } : old)), []);
  return { sent: state.sent, refused: state.refused ?? "", make, forget };
}

/** What a move is an answer to. */
function askedFor(view: LiapTuiView): string {
  const seat = seatOf(view, view.you);
  return [view.phase, view.round, view.multiplier, seat?.declared, seat?.away, view.weak_hand !== null, seat?.hand?.join()].join("/");
}
