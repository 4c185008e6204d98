// The table: everything from the start of a game to its end.
import { type ReactNode, useState } from "react";
import type { LiapTuiCommand, LiapTuiView, Phase } from "../../../generated/liap-tui";
import { around, askedOf, isBotPlayed, seatOf, shownTrick } from "./around";
import { Clock } from "./Clock";
import { isLeading, Mine, Nearest, piecesOf, sentPlaces } from "./Mine";
import { Plays } from "./Plays";
import { SeatPlate } from "./SeatPlate";
import { Breakdown, LastTrick, RoundPlate, Sheet, Sound, Values } from "./Side";
import { useSound } from "./sound";
import { useAnnouncer } from "./useAnnouncer";
import { useSecondsLeft } from "./useClock";
import { movesLittle, useFlip } from "./useFlip";
import { type Move, useMove } from "./useMove";
import { call, type Seen, who } from "./words";
import "./table.css";

export interface TableProps {
  view: LiapTuiView;
  send: (command: LiapTuiCommand) => Promise<unknown>;
  /** The host's time, in milliseconds. */
  now: () => number;
  /** A look at the past: no controls, no clock, and nothing is announced. */
  past?: boolean;
  /** The reader's slot where the view has none: a finished game is open to everybody alike. */
  you?: number | null;
  /** What else stands in the side column, such as the chat. */
  children?: ReactNode;
}

/** Seconds that the rules give for an answer, for the ring of the clock. */
const GIVEN: Partial<Record<Phase, number>> = { preparation: 30, declaration: 30, turn: 45 };

/** The page has `main` and the heading around it. */
export function Table({ view, send, now, past = false, you = view.you, children }: TableProps) {
  const shown = shownTrick(view);
  const [still] = useState(movesLittle);
  const flip = useFlip(shown, !past && !still && view.pace === "normal");
  const seen: Seen = { view, you, open: flip.open };
  const move = useMove(view, send);
  const asked = past ? undefined : askedOf(view);
  const left = useSecondsLeft(!past && isTimed(view) ? view.until : null, now);
  const announcer = useAnnouncer(seen, past);
  const sound = useSound(asked !== undefined);
  const mine = seatOf(view, you ?? 1);
  return (
    <div className="liap">
      <div className="felt">
        <div className="mat" aria-hidden="true" />
        <Others seen={seen} />
        <Middle seen={seen} left={left}>
          <Plays
            shown={shown}
            flip={flip}
            you={you ?? 1}
            name={(slot) => who(seen, slot)}
            sent={mine?.hand ? piecesOf(mine.hand, sentPlaces(move)) : []}
            mine={asked === "play" ? (view.trick.required ?? 0) : 0}
          />
        </Middle>
        {mine && <Bottom {...{ seen, move, now, left, past }} say={announcer.say} />}
      </div>
      <aside>
        <RoundPlate seen={seen} />
        <LastTrick seen={seen} />
        {children}
        <Sheet seen={seen} />
        <Values />
        {view.you !== null && !past && <Sound {...sound} />}
      </aside>
      <p className="sr" aria-live="polite" data-testid="announcer">
        {announcer.text}
      </p>
    </div>
  );
}

function Others({ seen: { view, you } }: { seen: Seen }) {
  const others = around(view, you).filter(({ place }) => place !== "mine");
  return others.map((seated) => (
    <SeatPlate
      key={seated.slot}
      seated={seated}
      leads={isLeading(view, seated.slot)}
      turn={view.awaited.includes(seated.slot)}
    />
  ));
}

/** A bot that is waited for acts long before the deadline. */
const isTimed = (view: LiapTuiView): boolean =>
  view.weak_hand !== null || view.awaited.some((slot) => !isBotPlayed(seatOf(view, slot)));

function Middle({ seen, left, children }: { seen: Seen; left: number | undefined; children: ReactNode }) {
  const { view } = seen;
  const { head, more } = call(seen);
  const round = view.phase === "scoring" ? view.sheet.at(-1) : undefined;
  return (
    <div className="plays">
      {children}
      <div className="call">
        <b>{head}</b>
        {more && <span className="small quiet">{more}</span>}
        {round && <Breakdown seen={seen} round={round} />}
        {left !== undefined && <TimeLeft left={left} given={GIVEN[view.phase] ?? left} />}
      </div>
    </div>
  );
}

/** This device may take the host's clock for a little earlier than it is, and nobody is given more than there is. */
const TimeLeft = ({ left, given }: { left: number; given: number }) => <Clock left={Math.min(left, given)} of={given} />;

interface BottomProps {
  seen: Seen;
  move: Move;
  now: () => number;
  left: number | undefined;
  past: boolean;
  say(words: string): void;
}

/** Whoever plays has their tray here; for everybody else slot 1 sits nearest. */
function Bottom({ seen, move, now, left, past, say }: BottomProps) {
  const { view, you } = seen;
  const seat = seatOf(view, you ?? 1)!;
  if (view.you !== null && !past && view.phase !== "game_over")
    return <Mine seen={seen} seat={seat} move={move} now={now()} left={left} say={say} />;
  return (
    <Nearest seen={seen} seat={seat} leads={isLeading(view, you ?? 1)}>
      {!past && you === null && view.phase !== "game_over" && "You watch. Hands are for their holders alone."}
    </Nearest>
  );
}
