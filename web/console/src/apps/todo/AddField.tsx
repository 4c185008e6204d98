// The field for a new thing. It keeps what is typed through a drop and is never disabled by one.
import { type FormEvent, useRef } from "react";
import { Icon } from "../../ui/Sprite";
import { titleProblem } from "./words";

interface Props {
  text: string;
  /** Gold when adding is the next thing to do here. */
  gold: boolean;
  onText(text: string): void;
  onAdd(title: string): void;
  typing(is: boolean): void;
}

export function AddField({ text, gold, onText, onAdd, typing }: Props) {
  const form = useRef<HTMLFormElement>(null);
  const problem = titleProblem(text);
  const ready = text.trim() !== "" && !problem;

  function submit(event: FormEvent) {
    event.preventDefault();
    if (!ready) return;
    onAdd(text.trim());
    onText("");
    typing(false);
    // The new row pushes the field down; on a long list it would leave the screen.
    requestAnimationFrame(() => form.current?.scrollIntoView?.({ block: "nearest" }));
  }

  return (
    <form ref={form} className="add" onSubmit={submit}>
      <label className="field">
        <Icon name="plus" className="ico" />
        <input
          value={text}
          placeholder="Add something"
          aria-label="Add something"
          autoComplete="off"
          enterKeyHint="done"
          aria-invalid={problem !== undefined}
          onChange={(event) => {
            onText(event.target.value);
            typing(event.target.value !== "");
          }}
          onBlur={() => typing(false)}
        />
      </label>
      {ready && <button className={gold ? "btn btn--go" : "btn"}>Add</button>}
      {problem && (
        <p className="tiny item__problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  );
}
