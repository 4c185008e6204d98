// The reader's pieces: one tab stop, arrows inside, space chooses, enter plays.
import { type CSSProperties, type KeyboardEvent, useState } from "react";
import type { Piece as PieceOf } from "../../../generated/liap-tui";
import { colourOf, spoken } from "./pieces";
import { Face } from "./Piece";

interface Props {
  hand: readonly PieceOf[];
  chosen: ReadonlySet<number>;
  /** Places that can still join the choice. */
  joining: ReadonlySet<number>;
  /** Whether what is chosen may be played. */
  lit: boolean;
  /** Places that are on their way to the table. */
  gone: ReadonlySet<number>;
  toggle(at: number): void;
  play(): void;
}

export function Tray({ hand, chosen, joining, lit, gone, toggle, play }: Props) {
  const [at, setAt] = useState(0);
  const stop = Math.min(at, hand.length - 1);

  function keys(event: KeyboardEvent<HTMLElement>) {
    const to = target(event.key, stop, hand.length);
    if (to !== undefined) event.currentTarget.querySelectorAll<HTMLElement>("button")[to]?.focus();
    else if (event.key === "Enter") play();
    else return;
    event.preventDefault();
  }

  return (
    <div
      className={`tray${lit ? " tray--lit" : ""}`}
      data-count={hand.length}
      role="toolbar"
      aria-label="Your tray"
      aria-describedby="tray-keys"
      onKeyDown={keys}
    >
      {hand.map((piece, place) => (
        <button
          key={place}
          className={look(piece, joining.has(place), gone.has(place))}
          style={{ "--n": place } as CSSProperties}
          aria-pressed={chosen.has(place)}
          aria-disabled={gone.has(place) || undefined}
          tabIndex={place === stop ? 0 : -1}
          onFocus={() => setAt(place)}
          onClick={() => !gone.has(place) && toggle(place)}
        >
          <Face piece={piece} worth />
          <span className="sr">
            {spoken(piece)}
            {gone.has(place) && ", on the table"}
          </span>
        </button>
      ))}
      <span className="sr" id="tray-keys">
        Arrow keys move, space chooses, enter plays.
      </span>
    </div>
  );
}

const look = (piece: PieceOf, joins: boolean, gone: boolean): string =>
  `piece piece--${colourOf(piece)}${joins ? " piece--joins" : ""}${gone ? " piece--gone" : ""}`;

function target(key: string, from: number, count: number): number | undefined {
  switch (key) {
    case "ArrowRight":
    case "ArrowDown":
      return Math.min(from + 1, count - 1);
    case "ArrowLeft":
    case "ArrowUp":
      return Math.max(from - 1, 0);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}
