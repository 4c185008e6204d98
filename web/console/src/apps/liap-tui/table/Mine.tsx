// The reader's own seat: the tray, and whatever the game asks of them, within reach of the thumb.
import { type ReactNode, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { LiapTuiView, Piece as PieceOf, SeatView } from "../../../generated/liap-tui";
import { Seat } from "../../../ui/Seat";
import { Icon } from "../../../ui/Sprite";
import { capital } from "../../../ui/words";
import { askedOf } from "./around";
import { Declare } from "./Declare";
import { Piece } from "./Piece";
import { joining } from "./plays";
import { Badges, Piles } from "./SeatPlate";
import { Tray } from "./Tray";
import type { Move } from "./useMove";
import { WeakHand } from "./WeakHand";
import { aim, counted, type Seen, verdict } from "./words";

interface Props {
  seen: Seen;
  seat: SeatView;
  move: Move;
  now: number;
  left: number | undefined;
  say(words: string): void;
}

/** The seat of somebody who plays. */
export function Mine(props: Props) {
  const { seen, seat, move, say } = props;
  const { view, you } = seen;
  const asked = move.sent ? undefined : askedOf(view);
  const panel = useKeptFocus();
  const choice = useChoice(seen, seat, move, say);
  const asks = asked === "declare" || asked === "decide";
  return (
    <section ref={panel} className={`mine${asks ? " mine--asks" : ""}`} aria-label="Your seat and tray">
      <Identity seat={seat} name="You" leads={isLeading(view, you)} />
      {choice.tray.hand.length > 0 && <Tray key={`${view.round}/${view.multiplier}`} {...choice.tray} />}
      <div className="act">
        {move.refused && (
          <p className="act__refused small" role="alert">
            <Icon name="offline" />
            <span>{move.refused}</span>
          </p>
        )}
        {move.sent && <p className="act__say act__wait small quiet">On its way to the host.</p>}
        {asks && <Question {...props} />}
        {!asks && !move.sent && <Turn seat={seat} isTurn={asked === "play"} choice={choice} move={move} />}
      </div>
    </section>
  );
}

/** What is asked before the tricks begin. */
function Question({ seen: { view }, move, now, left, say }: Props) {
  if (!view.weak_hand)
    return <Declare view={view} say={say} declare={(value) => move.make({ type: "declare", value })} />;
  const decide = (accept: boolean) => move.make({ type: "redeal_decision", accept });
  return <WeakHand asked={view.weak_hand} now={now} left={left} decide={decide} />;
}

interface TurnProps {
  seat: SeatView;
  isTurn: boolean;
  choice: ReturnType<typeof useChoice>;
  move: Move;
}

/** What is chosen, in words, and the button that plays it. */
function Turn({ seat, isTurn, choice: { verdict, count, play }, move }: TurnProps) {
  if (seat.away)
    return (
      <>
        <p className="act__say small">A bot plays for you.</p>
        <button className="btn btn--go" onClick={() => move.make({ type: "join", name: seat.name })}>
          Take your seat back
        </button>
      </>
    );
  return (
    <>
      <p className="act__say small" id="act-say">
        {verdict.words}
      </p>
      {isTurn && (
        <button className="btn btn--go" disabled={!verdict.legal} aria-describedby="act-say" onClick={play}>
          {count === 0 ? "Play" : `Play ${counted(count, "piece")}`}
        </button>
      )}
    </>
  );
}

export const isLeading = (view: LiapTuiView, slot: number | null): boolean =>
  (view.phase === "turn" || view.phase === "turn_results") && view.trick.leader === slot;

/** What is chosen in the tray, and what that makes. It is chosen anew for another hand. */
function useChoice(seen: Seen, seat: SeatView, move: Move, say: (words: string) => void) {
  const hand = useMemo(() => seat.hand ?? [], [seat.hand]);
  const key = hand.join();
  const [choice, setChoice] = useState({ key, chosen: NONE });
  if (choice.key !== key) setChoice({ key, chosen: NONE });

  const gone = sentPlaces(move);
  const chosen = choice.key === key ? choice.chosen : NONE;
  const is = verdict(piecesOf(hand, chosen), seen);
  // A follower may play any pieces, and before the first one everything is open: there is nothing to light.
  const isLeader = askedOf(seen.view) === "play" && seen.view.trick.required === null;
  const joins = isLeader && chosen.size > 0 ? joining(hand, chosen) : NONE;

  function toggle(at: number) {
    const next = new Set(chosen);
    if (!next.delete(at)) next.add(at);
    move.forget();
    setChoice({ key, chosen: next });
    say(verdict(piecesOf(hand, next), seen).words);
  }
  function play() {
    if (move.sent) return;
    if (!is.legal) return say(is.words);
    setChoice({ key, chosen: NONE });
    move.make({ type: "play", indices: inOrder(chosen) });
  }
  const tray = { hand, chosen, gone, joining: joins, lit: is.legal, toggle, play };
  return { tray, play, verdict: is, count: chosen.size };
}

const NONE: ReadonlySet<number> = new Set();

const inOrder = (places: ReadonlySet<number>): number[] => [...places].sort((a, b) => a - b);

export const piecesOf = (hand: readonly PieceOf[], places: ReadonlySet<number>): PieceOf[] =>
  inOrder(places).flatMap((at) => hand[at] ?? []);

export const sentPlaces = ({ sent }: Move): ReadonlySet<number> => (sent?.type === "play" ? new Set(sent.indices) : NONE);

/** A control that goes takes the keyboard's place along; the tray is where it goes on. */
function useKeptFocus() {
  const panel = useRef<HTMLElement>(null);
  const inside = useRef(false);
  useEffect(() => {
    const element = panel.current!;
    const enter = () => (inside.current = true);
    const leave = ({ target, relatedTarget }: FocusEvent) =>
      queueMicrotask(() => {
        const isGone = !(target as Node).isConnected || (target as HTMLElement).matches(":disabled");
        if (!isGone && !element.contains(relatedTarget as Node | null)) inside.current = false;
      });
    element.addEventListener("focusin", enter);
    element.addEventListener("focusout", leave);
    return () => {
      element.removeEventListener("focusin", enter);
      element.removeEventListener("focusout", leave);
    };
  }, []);
  useLayoutEffect(() => {
    if (inside.current && document.activeElement === document.body)
      panel.current?.querySelector<HTMLElement>('.tray [tabindex="0"]')?.focus({ preventScroll: true });
  });
  return panel;
}

/** The nearest seat where nobody can act: of a watcher, or in the past. */
export function Nearest({ seen, seat, leads, children }: { seen: Seen; seat: SeatView; leads: boolean; children: ReactNode }) {
  const own = seen.you !== null;
  return (
    <section className="mine mine--still" aria-label={own ? "Your seat" : seat.name}>
      <Identity seat={seat} name={own ? "You" : seat.name} leads={leads} />
      {seat.hand && seat.hand.length > 0 && (
        <div className="tray" data-count={seat.hand.length} role="group" aria-label="Pieces in hand">
          {seat.hand.map((piece, at) => (
            <Piece key={at} piece={piece} worth />
          ))}
        </div>
      )}
      <p className="act act__say small quiet">{children}</p>
    </section>
  );
}

function Identity({ seat, name, leads }: { seat: SeatView; name: string; leads: boolean }) {
  return (
    <div className="mine__id">
      <Seat seat={seat.avatar + 1} name={seat.name} away={seat.away} size="40px" />
      <div className="opp__who">
        <b className="clip" title={seat.name}>
          {name}
        </b>
        <Badges seat={seat} leads={leads} />
        <div className="tiny faint">{seat.hand ? aimed(seat) : `${seat.hand_count} in hand`}</div>
      </div>
      <Piles declared={seat.declared} piles={seat.piles} />
    </div>
  );
}

const aimed = (seat: SeatView): string =>
  seat.declared === null ? "Not declared yet" : capital(aim(seat.declared, seat.piles));
