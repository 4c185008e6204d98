// After the game: who won, how everybody did, the next game, and every deal for anybody to check.
import { useEffect, useState } from "react";
import type { GameResult, LiapTuiCommand, LiapTuiView } from "../../generated/liap-tui";
import { refused } from "../../live/words";
import { Link, navigate } from "../../router";
import { useSession } from "../../session";
import { Seat } from "../../ui/Seat";
import { span } from "../../ui/time";
import { plural } from "../../ui/words";
import { openRematch, tablesOf } from "./rematch";
import { FROM, useReturn } from "./useReturn";

interface Props {
  id: string;
  view: LiapTuiView;
  you: number | null;
  send(command: LiapTuiCommand): Promise<unknown>;
}

interface EndingProps extends Props {
  /** This page saw the game end. */
  sawEnd: boolean;
  /** The rules lie over the page. */
  reading: boolean;
}

export function Ending({ id, view, you, send, sawEnd, reading }: EndingProps) {
  const { result } = view;
  if (!result) return null;
  return (
    <section className="plate ending" aria-labelledby="ending">
      <header>
        <h2 id="ending">{won(view, result)}</h2>
        <span className="small faint push">
          {plural(result.rounds, "round")} in {span(result.duration_ms)}
        </span>
      </header>
      <Ranking view={view} result={result} you={you} />
      <footer className="wrap">
        <Rematch id={id} view={view} you={you} send={send} />
        <Link className="btn btn--quiet" to="/liap-tui">
          Back to the tables
        </Link>
        <Deals view={view} />
      </footer>
      {/* Whoever is invited to play again is not sent away. */}
      {sawEnd && !view.rematch && <Return held={reading} />}
    </section>
  );
}

const nameAt = (view: LiapTuiView, slot: number): string => view.seats[slot - 1]?.name ?? `Seat ${slot}`;

function won(view: LiapTuiView, { winners }: GameResult): string {
  const names = winners.map((slot) => nameAt(view, slot));
  if (names.length === 1) return `${names[0]} has won`;
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)} share the win`;
}

function Ranking({ view, result, you }: { view: LiapTuiView; result: GameResult; you: number | null }) {
  const slots = [1, 2, 3, 4].sort((a, b) => result.ranks[a - 1]! - result.ranks[b - 1]! || a - b);
  return (
    <table className="table">
      <thead>
        <tr>
          <th className="n">Place</th>
          <th>Seat</th>
          <th className="n">Points</th>
          <th className="n">Tricks</th>
          <th className="n">Exact rounds</th>
        </tr>
      </thead>
      <tbody>
        {slots.map((slot) => {
          const seat = view.seats[slot - 1];
          return (
            <tr key={slot} className={slot === you ? "me" : undefined}>
              <td className="n">{result.ranks[slot - 1]}</td>
              <td>
                <span className="score__who">
                  {seat && <Seat seat={seat.avatar + 1} name={seat.name} size="20px" />}
                  <span className="clip">{nameAt(view, slot)}</span>
                </span>
              </td>
              <td className="n">
                <b>{seat?.score}</b>
              </td>
              <td className="n">{result.turns_won[slot - 1]}</td>
              <td className="n">{result.perfect_rounds[slot - 1]}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** The next game is another room, so that this one stays as it was; whoever asks first makes it. */
function Rematch({ id, view, you, send }: Props) {
  const { client } = useSession();
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const opener = useOpener(view.rematch);
  if (view.rematch)
    return (
      <>
        <span className="small">{opener ?? "Somebody"} opened a rematch.</span>
        <Link className="btn btn--go" to={`/liap-tui/${encodeURIComponent(view.rematch)}`}>
          Go to the rematch
        </Link>
      </>
    );
  if (you === null) return null;
  const name = nameAt(view, you);
  async function ask() {
    setBusy(true);
    setWrong("");
    try {
      const room = await openRematch(tablesOf(client), { id, view, name, send });
      if (room !== undefined) navigate(`/liap-tui/${encodeURIComponent(room)}`);
    } catch (error) {
      setWrong(refused(error));
    }
    setBusy(false);
  }
  return (
    <>
      <button className="btn btn--go" disabled={busy} onClick={() => void ask()}>
        Rematch
      </button>
      {wrong && (
        <span className="small dialog__refused" role="alert">
          {wrong}
        </span>
      )}
    </>
  );
}

/** Whoever opened a table is its first host. */
function useOpener(rematch: string | null): string | undefined {
  const { client } = useSession();
  const [name, setName] = useState<string>();
  useEffect(() => {
    if (rematch === null) return;
    let gone = false;
    const show = ({ view }: { view: LiapTuiView }) => gone || setName(view.seats.find((seat) => seat?.host)?.name);
    tablesOf(client)
      .get(rematch)
      .at(1)
      .then(show, () => {
        /* closed meanwhile: then nobody is named */
      });
    return () => {
      gone = true;
    };
  }, [client, rematch]);
  return name;
}

/** A line of words takes its place once it stopped: what somebody presses then stays under their finger. */
function Return({ held }: { held: boolean }) {
  const { left, stays, stay } = useReturn(held);
  // A live region tells what comes into it, not what it was made with; and it tells it once, not each second.
  const said = stays || left === FROM ? "" : "You go back to the tables in a minute. Any key or touch keeps you here.";
  return (
    <div className="row small quiet ending__return">
      {stays ? (
        "You stay at this table."
      ) : (
        <>
          <span role="timer">Back to the tables in {left} s</span>
          <button className="btn" onClick={stay}>
            Stay
          </button>
        </>
      )}
      <span className="sr" role="status">
        {said}
      </span>
    </div>
  );
}

function Deals({ view }: { view: LiapTuiView }) {
  return (
    <details className="deals push">
      <summary className="small">Check the deals</summary>
      <p className="small quiet">
        Each deal follows from its seed alone: <code>liap-tui deal SEED</code> deals it again, and <code>verify</code> replays the whole game.
      </p>
      <ol>
        {view.deals.map((deal, at) => (
          <li key={at} className="tiny">
            Round {deal.round}: <span className="num">{hex(deal.seed)}</span>
          </li>
        ))}
      </ol>
    </details>
  );
}

export const hex = (seed: readonly number[]): string => seed.map((byte) => byte.toString(16).padStart(2, "0")).join("");
