// How many piles one will take: 0 to 8, with the reason beside each value that the rules forbid.
import { type FormEvent, useEffect, useState } from "react";
import type { LiapTuiView } from "../../../generated/liap-tui";
import { whyNot } from "./words";

const VALUES = [0, 1, 2, 3, 4, 5, 6, 7, 8];

interface Props {
  view: LiapTuiView;
  declare(value: number): void;
  say(words: string): void;
}

export function Declare({ view, declare, say }: Props) {
  const [value, setValue] = useState<number>();
  const may = (value: number) => view.may_declare.includes(value);
  const forbidden = VALUES.filter((value) => !may(value));
  useDigits((digit) => (may(digit) ? declare(digit) : say(whyNot(digit, view))));

  function submit(event: FormEvent) {
    event.preventDefault();
    if (value !== undefined) declare(value);
  }
  return (
    <form className="declare" onSubmit={submit}>
      <fieldset aria-describedby="declare-why">
        <legend className="sr">How many piles will you take?</legend>
        {VALUES.map((it) => (
          <label key={it}>
            <input
              type="radio"
              name="declare"
              value={it}
              checked={value === it}
              disabled={!may(it)}
              onChange={() => setValue(it)}
            />
            <span>{it}</span>
          </label>
        ))}
      </fieldset>
      <p className="small quiet" id="declare-why">
        {forbidden.map((it) => whyNot(it, view)).join(" ") || "Exactly that many is what counts."}
      </p>
      <button className="btn btn--go" disabled={value === undefined}>
        {value === undefined ? "Choose how many" : `Declare ${value}`}
      </button>
    </form>
  );
}

/** A digit declares at once, wherever the keyboard is, unless somebody writes or a dialog asks something else. */
function useDigits(pressed: (digit: number) => void) {
  useEffect(() => {
    function key(event: KeyboardEvent) {
      if (event.ctrlKey || event.metaKey || event.altKey || !/^[0-8]$/.test(event.key) || isElsewhere(event.target)) return;
      event.preventDefault();
      pressed(Number(event.key));
    }
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, [pressed]);
}

const isElsewhere = (target: EventTarget | null): boolean =>
  (target instanceof HTMLElement && target.matches("input:not([type=radio]), textarea, select, [contenteditable]")) ||
  document.querySelector("dialog[open]") !== null;
