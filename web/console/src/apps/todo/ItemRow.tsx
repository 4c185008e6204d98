// One thing on the list: tick, text that can be edited in place, who added it, and what waits or was refused.
import { type KeyboardEvent, memo, useRef, useState } from "react";
import { Seat } from "../../ui/Seat";
import { Icon } from "../../ui/Sprite";
import { isWaitingId } from "./reduce";
import type { Row } from "./rows";
import { titleProblem } from "./words";

export interface RowActions {
  toggle(id: string): void;
  update(id: string, title: string): void;
  remove(row: Row): void;
  putBack(title: string): void;
  typing(is: boolean): void;
}

interface Props {
  row: Row;
  seat: number;
  fresh: boolean;
  readOnly: boolean;
  actions: RowActions;
}

export const ItemRow = memo(function ItemRow({ row, seat, fresh, readOnly, actions }: Props) {
  const { id, item, waiting, ghost, refused } = row;
  const [editing, setEditing] = useState(false);
  const line = useRef<HTMLLIElement>(null);
  // A thing without a number cannot be named in a command yet; its badge says why the tick does nothing.
  const fixed = readOnly || ghost || isWaitingId(id);
  const edit = () => {
    if (!fixed) setEditing(true);
  };

  function keys(event: KeyboardEvent) {
    if (editing || fixed) return;
    if (event.key === "F2") edit();
    else if (event.key === "Delete") actions.remove(row);
    else return;
    event.preventDefault();
  }

  const look = [
    "item",
    item.done && "item--done",
    waiting && "item--wait",
    fresh && "item--new",
    ghost && "item--ghost",
    refused && "item--refused",
  ];
  return (
    <li ref={line} className={look.filter(Boolean).join(" ")} data-id={id} onKeyDown={keys}>
      <div className="item__line">
        <Tick row={row} fixed={fixed} toggle={actions.toggle} />
        {editing && !fixed ? (
          <Edit
            title={item.title}
            actions={actions}
            done={(title, byKey) => {
              setEditing(false);
              // The field goes and would take the keyboard's place along; whoever clicked elsewhere is there already.
              if (byKey) line.current?.querySelector<HTMLElement>(".tick")?.focus();
              if (title !== undefined) actions.update(id, title);
            }}
          />
        ) : (
          <Text row={row} fixed={fixed} edit={edit} />
        )}
        {waiting && (
          <span className="badge badge--wait">
            <Icon name="clock" />
            waiting
          </span>
        )}
        {!fixed && (
          <button className="item__delete" aria-label={`Delete ${item.title}`} onClick={() => actions.remove(row)}>
            <Icon name="x" className="ico" />
          </button>
        )}
        <Seat seat={seat} name={item.by.name} size="22px" says={`Added by ${item.by.name}`} />
      </div>
      {refused && <Refused row={row} putBack={actions.putBack} />}
    </li>
  );
});

function Tick({ row: { id, item }, fixed, toggle }: { row: Row; fixed: boolean; toggle(id: string): void }) {
  return (
    <button
      className="tick"
      role="checkbox"
      aria-checked={item.done}
      aria-label={item.title}
      aria-disabled={fixed || undefined}
      onClick={() => {
        if (!fixed) toggle(id);
      }}
    >
      {item.done && <Icon name="check" className="ico" />}
    </button>
  );
}

/** A finger taps once, a mouse twice; Enter and a screen reader's click have no place on the screen (detail 0). */
function Text({ row: { item }, fixed, edit }: { row: Row; fixed: boolean; edit(): void }) {
  if (fixed) return <span className="item__text">{item.title}</span>;
  const finger = () => matchMedia("(pointer: coarse)").matches;
  return (
    <button
      className="item__text"
      title="Double-click to change"
      aria-label={`Change ${item.title}`}
      onClick={(e) => {
        if (e.detail === 0 || finger()) edit();
      }}
      onDoubleClick={edit}
    >
      {item.title}
    </button>
  );
}

/** Enter and leaving keep what was typed, Escape does not. A text that the rules would refuse stays open: it is not lost. */
function Edit({ title, actions, done }: { title: string; actions: RowActions; done(title: string | undefined, byKey: boolean): void }) {
  const [text, setText] = useState(title);
  const closed = useRef(false);
  const problem = titleProblem(text) ?? (text.trim() === "" ? "It needs at least one letter." : undefined);

  function finish(keep: boolean, byKey: boolean) {
    if (closed.current || (keep && problem)) return;
    closed.current = true;
    actions.typing(false);
    done(keep && text.trim() !== title ? text.trim() : undefined, byKey);
  }
  return (
    <span className="item__edit">
      <span className="field">
        <input
          autoFocus
          value={text}
          aria-label={`New text for ${title}`}
          aria-invalid={problem !== undefined}
          onFocus={(e) => e.target.select()}
          onChange={(e) => {
            setText(e.target.value);
            actions.typing(true);
          }}
          onBlur={() => finish(text.trim() !== "", false)}
          onKeyDown={(e) => {
            e.stopPropagation();
            // The focus moves on to the tick, which would take the same Enter for a press.
            if (e.key === "Enter") e.preventDefault();
            if (e.key === "Enter") finish(true, true);
            if (e.key === "Escape") finish(false, true);
          }}
        />
      </span>
      {problem && (
        <span className="tiny item__problem" role="alert">
          {problem}
        </span>
      )}
    </span>
  );
}

function Refused({ row: { refused, ghost }, putBack }: { row: Row; putBack(title: string): void }) {
  const typed = refused?.typed;
  return (
    <p className="item__refused small" role="alert">
      <Icon name="offline" />
      <span>
        {refused?.words}
        {ghost && typed && (
          <>
            {" "}
            <button className="btn--text" onClick={() => putBack(typed)}>
              Put it back in the field
            </button>
          </>
        )}
      </span>
    </p>
  );
}
