// The trick on the mat: face down until all have played, then open, with its winner.
import type { Piece as PieceOf, PlayView } from "../../../generated/liap-tui";
import { placeOf, type Shown } from "./around";
import { Piece } from "./Piece";
import type { Flip } from "./useFlip";

interface Props {
  shown: Shown | undefined;
  flip: Flip;
  you: number | null;
  name(slot: number): string;
  /** My own pieces that the host has not confirmed yet. */
  sent: readonly PieceOf[];
  /** How many I am to play: their places are marked. */
  mine: number;
}

export function Plays({ shown, flip, you, name, sent, mine }: Props) {
  const plays = shown?.trick.plays ?? [];
  const played = plays.some((play) => play.slot_id === you);
  return (
    <>
      {plays.map((play) => (
        <Play
          key={`${shown!.key}/${play.slot_id}`}
          play={play}
          count={shown!.trick.required ?? 0}
          place={placeOf(play.slot_id, you)}
          name={name(play.slot_id)}
          own={play.slot_id === you}
          wins={flip.open && shown!.trick.winner === play.slot_id}
          flip={flip}
        />
      ))}
      {!played && sent.length > 0 && (
        <div className="play play--mine" role="group" aria-label="You play">
          {sent.map((piece, at) => (
            <Piece key={at} piece={piece} />
          ))}
        </div>
      )}
      {!played && sent.length === 0 && mine > 0 && (
        <div className="play play--mine" aria-hidden="true">
          {Array.from({ length: mine }, (_, at) => (
            <i key={at} />
          ))}
        </div>
      )}
    </>
  );
}

interface PlayProps {
  play: PlayView;
  count: number;
  place: string;
  name: string;
  own: boolean;
  wins: boolean;
  flip: Flip;
}

/** One's own pieces are known to oneself; everybody else's wait. */
function Play({ play, count, place, name, own, wins, flip }: PlayProps) {
  const faces = play.pieces && (flip.open || own) ? play.pieces : Array.from({ length: count }, () => null);
  return (
    <div
      className={`play play--${place}${wins ? " play--won" : ""}`}
      data-count={count}
      role="group"
      aria-label={`${name}${wins ? ", takes the trick" : ""}`}
    >
      {faces.map((piece, at) => (
        <Piece key={at} piece={piece} turns={flip.turns && !own} />
      ))}
    </div>
  );
}
