// Who is in the room: seat, name, and in words what they do.
import type { ReactNode } from "react";
import { Seat } from "./Seat";

export interface PersonLine {
  id: string;
  name: string;
  seat: number;
  words: string;
  away: boolean;
  onPress?: (() => void) | undefined;
}

/** More than these are a number: the line is one glance. */
const SHOWN = 6;

export function People({ people, children }: { people: readonly PersonLine[]; children?: ReactNode }) {
  const more = people.length - SHOWN;
  return (
    <ul className="people" aria-label="Who is here">
      {people.slice(0, SHOWN).map((person) => (
        <li key={person.id} className={person.away ? "people__away" : undefined}>
          <PersonBody {...person} />
        </li>
      ))}
      {more > 0 && <li className="quiet">and {more} more</li>}
      {children}
    </ul>
  );
}

function PersonBody({ name, seat, words, away, onPress }: PersonLine) {
  const body = (
    <>
      <Seat seat={seat} name={name} away={away} />
      <span>
        {onPress ? "You" : name}
        <br />
        <i className="tiny faint">{words}</i>
      </span>
    </>
  );
  if (!onPress) return body;
  return (
    <button className="people__me" onClick={onPress} aria-label={`You, ${name}, ${words}. Change your name`}>
      {body}
    </button>
  );
}
