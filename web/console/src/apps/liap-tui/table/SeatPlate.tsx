// One of the others: who sits there, who plays for them, what they aim at, and how many pieces they hold.
import type { SeatView } from "../../../generated/liap-tui";
import { Seat } from "../../../ui/Seat";
import type { Seated } from "./around";
import { BOT, CROWN } from "./icons";
import { Piece } from "./Piece";
import { aim } from "./words";

interface Props {
  seated: Seated;
  leads: boolean;
  turn: boolean;
}

export function SeatPlate({ seated: { seat, place }, leads, turn }: Props) {
  return (
    <section className={`opp opp--${place}${turn ? " opp--turn" : ""}`} aria-label={seat.name}>
      <div className="opp__id">
        <Seat seat={seat.avatar + 1} name={seat.name} away={seat.away} size="40px" />
        <div className="opp__who">
          <b className="clip" title={seat.name}>
            {seat.name}
          </b>
          <Badges seat={seat} leads={leads} />
          <div className="tiny faint">{turn ? "Their turn" : `${seat.hand_count} in hand`}</div>
        </div>
        <Piles declared={seat.declared} piles={seat.piles} />
        {seat.hand && seat.hand.length > 0 && (
          <div className="opp__hand">
            {seat.hand.map((piece, at) => (
              <Piece key={at} piece={piece} size="26px" />
            ))}
          </div>
        )}
      </div>
    </section>
  );
}

export function Badges({ seat, leads }: { seat: SeatView; leads: boolean }) {
  return (
    <>
      {seat.level && (
        <span className="badge" title={seat.level === "hard" ? "A bot that plays well" : "A bot that plays simply"}>
          {BOT}bot
        </span>
      )}
      {seat.away && (
        <span className="badge" title={`A bot plays until ${seat.name} is back`}>
          {BOT}
          <span className="sr">A bot plays </span>for <span className="clip opp__away">{seat.name}</span>
        </span>
      )}
      {leads && (
        <span className="badge badge--gold">
          {CROWN}leads
        </span>
      )}
    </>
  );
}

/** Piles against the target. More than were declared stand out by their shape too. */
export function Piles({ declared, piles }: { declared: number | null; piles: number }) {
  const pips = Array.from({ length: Math.max(declared ?? 0, piles) }, (_, at) => pip(at, declared ?? 0, piles));
  return (
    <span className="pile" role="img" aria-label={aim(declared, piles)}>
      <b className="num">
        {piles}
        <span>/{declared ?? "–"}</span>
      </b>
      <span className="pips">
        {pips.map((look, at) => (
          <i key={at} className={look} />
        ))}
      </span>
    </span>
  );
}

const pip = (at: number, declared: number, piles: number): string | undefined =>
  at >= piles ? undefined : at < declared ? "won" : "over";
