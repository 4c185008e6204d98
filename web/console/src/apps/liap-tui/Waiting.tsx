// Before the start: four seats, who sits there, and what the host may do about it.
import { type FormEvent, type ReactNode, useId, useState } from "react";
import type { LiapTuiCommand, LiapTuiView, SeatView } from "../../generated/liap-tui";
import { refused } from "../../live/words";
import { navigate } from "../../router";
import { Seat } from "../../ui/Seat";
import { Icon } from "../../ui/Sprite";
import { keepPlayerName, usePlayerName } from "./playerName";
import { BOT, CROWN } from "./table/icons";
import { goal } from "./table/words";

interface Props {
  view: LiapTuiView;
  /** The reader's slot. */
  you: number | null;
  me: string | undefined;
  send(command: LiapTuiCommand): Promise<unknown>;
  children?: ReactNode;
}

export function Waiting({ view, you, send, children }: Props) {
  const { wrong, act } = useAct(send);
  const isHost = you !== null && view.seats[you - 1]?.host === true;
  const free = view.seats.filter((seat) => seat === null).length;
  return (
    <div className="waiting">
      <section className="plate" aria-labelledby="seats">
        <header>
          <h2 id="seats">{view.title}</h2>
          {view.private && <span className="badge push">private</span>}
        </header>
        <ol className="places">
          {view.seats.map((seat, at) => (
            <Place key={at} slot={at + 1} seat={seat} you={you} hosted={isHost} act={act} />
          ))}
        </ol>
        <p className="opts small quiet">
          {goal(view.mode)} {view.pace === "fast" ? "Short pauses." : "45 seconds for a play."}
        </p>
        {wrong && (
          <p className="opts small dialog__refused" role="alert">
            {wrong}
          </p>
        )}
        <footer>
          {you === null ? (
            <JoinForm act={act} full={!view.seats.some((seat) => seat === null || seat.level !== null)} />
          ) : (
            <Begin {...{ isHost, free, act }} host={view.seats.find((seat) => seat?.host)?.name} />
          )}
        </footer>
      </section>
      <aside>{children}</aside>
    </div>
  );
}

type Act = (command: LiapTuiCommand, then?: () => void) => void;

function useAct(send: Props["send"]): { wrong: string; act: Act } {
  const [wrong, setWrong] = useState("");
  const act: Act = (command, then) => {
    setWrong("");
    send(command).then(then, (error: unknown) => setWrong(refused(error)));
  };
  return { wrong, act };
}

interface PlaceProps {
  slot: number;
  seat: SeatView | null;
  you: number | null;
  hosted: boolean;
  act: Act;
}

function Place({ slot, seat, you, hosted, act }: PlaceProps) {
  if (!seat)
    return (
      <li className="place place--empty">
        <span className="hole" aria-hidden="true" />
        <span className="place__who">
          <b>Seat {slot} is free</b>
          <span className="tiny faint">A person who joins sits here</span>
        </span>
        {hosted && (
          <span className="row push">
            <button className="btn" onClick={() => act({ type: "add_bot", slot_id: slot, level: "easy" })}>
              Add a bot
            </button>
            <button className="btn btn--quiet" onClick={() => act({ type: "add_bot", slot_id: slot, level: "hard" })}>
              A hard one
            </button>
          </span>
        )}
      </li>
    );
  return (
    <li className="place">
      <Seat seat={seat.avatar + 1} name={seat.name} away={seat.away} size="44px" />
      <span className="place__who">
        <b className="clip">
          {seat.name}
          {slot === you && " (you)"}
        </b>
        <span className="row">
          {seat.host && <span className="badge badge--gold">{CROWN} host</span>}
          {seat.level && (
            <span className="badge">
              {BOT} bot, {seat.level}
            </span>
          )}
          <span className="tiny faint">{seat.level ? "makes room for a person" : seat.away ? "away" : "ready"}</span>
        </span>
      </span>
      {hosted && slot !== you && (
        <button
          className="btn btn--quiet btn--icon push"
          aria-label={`Remove ${seat.name}`}
          onClick={() => act({ type: "remove_player", slot_id: slot })}
        >
          <Icon name="x" className="ico" />
        </button>
      )}
    </li>
  );
}

function JoinForm({ act, full }: { act: Act; full: boolean }) {
  const name = usePlayerName();
  const field = useId();
  if (full) return <span className="small quiet">Four people sit here. You watch, and will see the game.</span>;
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name") ?? "");
    act({ type: "join", name }, () => keepPlayerName(name));
  }
  return (
    <form className="join__form" onSubmit={submit}>
      <label className="small" htmlFor={field}>
        Your name
      </label>
      <span className="field">
        <input id={field} name="name" defaultValue={name} maxLength={50} autoComplete="nickname" />
      </span>
      <button className="btn btn--go">Sit down</button>
      <span className="tiny faint">Or stay and watch.</span>
    </form>
  );
}

function Begin({ isHost, free, host, act }: { isHost: boolean; free: number; host: string | undefined; act: Act }) {
  const leave = (
    <button className="btn btn--quiet" onClick={() => act({ type: "leave_room" }, () => navigate("/liap-tui"))}>
      {isHost ? "Close the table" : "Leave"}
    </button>
  );
  if (!isHost)
    return (
      <>
        <span className="small quiet">{host ?? "The host"} starts the game.</span>
        <span className="push">{leave}</span>
      </>
    );
  return (
    <>
      <button className="btn btn--go btn--big" disabled={free > 0} onClick={() => act({ type: "start_game" })}>
        Start the game
      </button>
      <span className="small quiet">
        {free === 0
          ? "Bots make room for friends who join before."
          : `${free === 1 ? "One more seat" : `${free} more seats`} to fill. Send the link to a friend, or add a bot.`}
      </span>
      <span className="push">{leave}</span>
    </>
  );
}
