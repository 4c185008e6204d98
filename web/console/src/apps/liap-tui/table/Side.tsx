// Beside the table: this round, the last trick, the score sheet, and what the pieces are worth.
import type { RoundScore } from "../../../generated/liap-tui";
import { Seat } from "../../../ui/Seat";
import { plural } from "../../../ui/words";
import { around } from "./around";
import { Piece } from "./Piece";
import { PIECES } from "./pieces";
import { counted, goal, ifExact, inWords, lineOf, type Seen, signed, who } from "./words";

export function RoundPlate({ seen }: { seen: Seen }) {
  const { view, you } = seen;
  const piles = view.seats.reduce((sum, seat) => sum + (seat?.piles ?? 0), 0);
  return (
    <section className="plate">
      <header>
        <h2>Round {view.round}</h2>
        {view.multiplier > 1 && (
          <span className="badge badge--gold push">
            ×{view.multiplier}, {counted(view.multiplier - 1, "redeal")}
          </span>
        )}
      </header>
      <table className="table score">
        <thead>
          <tr>
            <th>Seat</th>
            <th className="n">Declared</th>
            <th className="n">Took</th>
            <th className="n">If exact</th>
            <th className="n">Score</th>
          </tr>
        </thead>
        <tbody>
          {around(view, you).map(({ slot, seat }) => (
            <tr key={slot} className={slot === you ? "me" : undefined}>
              <td>
                <span className="score__who">
                  <Seat seat={seat.avatar + 1} name={seat.name} away={seat.away} size="20px" />
                  <span className="clip">{who(seen, slot)}</span>
                </span>
              </td>
              <td className="n">{seat.declared ?? "–"}</td>
              <td className="n">{seat.piles}</td>
              <td className="n">{seat.declared === null ? "–" : signed(ifExact(seat.declared, view.multiplier))}</td>
              <td className="n">
                <b>{seat.score}</b>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <footer className="small quiet">
        {goal(view.mode)} {8 - piles} of 8 piles still open.
      </footer>
    </section>
  );
}

export function LastTrick({ seen }: { seen: Seen }) {
  const trick = seen.view.tricks.at(-1);
  if (!trick || (seen.view.phase === "turn_results" && !seen.open)) return null;
  return (
    <section className="plate last">
      <header>
        <h2>Last trick</h2>
        <span className="small faint push">
          {who(seen, trick.winner ?? 1)} took {counted(trick.required ?? 0, "pile")}
        </span>
      </header>
      <ol className={`trick${(trick.required ?? 1) > 1 ? " trick--rows" : ""}`}>
        {trick.plays.map((play) => (
          <li key={play.slot_id} className={play.slot_id === trick.winner ? "won" : undefined}>
            <span className="trick__pieces">
              {play.pieces?.map((piece, at) => <Piece key={at} piece={piece} />)}
            </span>
            <span className="tiny clip" title={inWords(play)}>
              {who(seen, play.slot_id)}
              {(trick.required ?? 1) > 1 && `: ${inWords(play)}`}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** Every round that was scored: what each seat got, and for what. */
export function Sheet({ seen }: { seen: Seen }) {
  const { view, you } = seen;
  if (view.sheet.length === 0) return null;
  const seats = around(view, you);
  return (
    <details className="plate sheet">
      <summary>
        <h2>Score sheet</h2>
        <span className="small faint push">{plural(view.sheet.length, "round")}</span>
      </summary>
      <table className="table">
        <caption className="sr">Points of each round; beneath, piles taken of piles declared</caption>
        <thead>
          <tr>
            <th>Round</th>
            {seats.map(({ slot, seat }) => (
              <th key={slot} className="n">
                <Seat seat={seat.avatar + 1} name={seat.name} size="20px" says={who(seen, slot)} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {view.sheet.map((round) => (
            <tr key={round.round}>
              <th scope="row">
                {round.round} {round.multiplier > 1 && <span className="badge badge--gold">×{round.multiplier}</span>}
              </th>
              {seats.map(({ slot }) => (
                <Cell key={slot} round={round} slot={slot} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function Cell({ round, slot }: { round: RoundScore; slot: number }) {
  return (
    <td className="n">
      <span className="sr">{lineOf(round, slot)}</span>
      <span aria-hidden="true">
        <b>{signed(round.points[slot - 1]!)}</b>
        <span className="tiny faint">
          {round.piles[slot - 1]}/{round.declared[slot - 1]}
        </span>
      </span>
    </td>
  );
}

/** In the middle of the table while a round is scored. */
export function Breakdown({ seen, round }: { seen: Seen; round: RoundScore }) {
  return (
    <table className="table breakdown">
      <caption className="sr">Points of round {round.round}</caption>
      <thead>
        <tr>
          <th>Seat</th>
          <th className="n">Declared</th>
          <th className="n">Took</th>
          {round.multiplier > 1 && <th className="n">Times</th>}
          <th className="n">Points</th>
        </tr>
      </thead>
      <tbody>
        {around(seen.view, seen.you).map(({ slot }) => (
          <tr key={slot}>
            <td className="clip">{who(seen, slot)}</td>
            <td className="n">{round.declared[slot - 1]}</td>
            <td className="n">{round.piles[slot - 1]}</td>
            {round.multiplier > 1 && <td className="n">×{round.multiplier}</td>}
            <td className="n">
              <b>{signed(round.points[slot - 1]!)}</b>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Values() {
  const of = (colour: string) => PIECES.filter((piece) => piece.startsWith(colour)).reverse();
  return (
    <details className="plate values" open>
      <summary>
        <h2>Piece values</h2>
      </summary>
      <div className="vals">
        {[...of("red"), ...of("black")].map((piece) => (
          <Piece key={piece} piece={piece} size="36px" worth />
        ))}
      </div>
    </details>
  );
}

export function Sound({ on, set }: { on: boolean; set(on: boolean): void }) {
  return (
    <label className="choice small">
      <input type="checkbox" checked={on} onChange={(event) => set(event.target.checked)} />
      A tick when it is your turn
    </label>
  );
}
