// The list itself, with those who type at its end.
import { useEffect, useState } from "react";
import type { SeatBook } from "../../ui/seats";
import { Mark } from "../../ui/Mark";
import { ItemRow, type RowActions } from "./ItemRow";
import type { Row } from "./rows";

/** A waking room is faster than this, and then there is nothing to show. */
const SKELETON_AFTER = 200;

interface Props {
  list: readonly Row[];
  fresh: ReadonlySet<string>;
  seats: SeatBook;
  readOnly: boolean;
  /** Whether the list itself came; before, only what waits to go to it is known. */
  ready: boolean;
  typing: ReadonlyMap<string, string>;
  actions: RowActions;
}

export function Items({ list, fresh, seats, readOnly, ready, typing, actions }: Props) {
  if (!ready && list.length === 0) return <Skeleton />;
  const names = [...typing.values()];
  return (
    <ul className="items" aria-label="Things">
      {list.length === 0 && names.length === 0 && (
        <li className="empty">
          <Mark breathing />
          <p>{readOnly ? "Nothing was on it then." : "Nothing on it yet. Type the first thing below."}</p>
        </li>
      )}
      {list.map((row) => (
        <ItemRow
          key={row.id}
          row={row}
          seat={seats[row.item.by.id] ?? 8}
          fresh={fresh.has(row.id)}
          readOnly={readOnly}
          actions={actions}
        />
      ))}
      {!ready && (
        <li className="item">
          <div className="item__line small quiet">The rest of the list comes when the line is back.</div>
        </li>
      )}
      {names.length > 0 && (
        <li className="item item--ghost item--typing" aria-live="off">
          <div className="item__line">
            <span className="tick" aria-hidden="true" />
            <span className="item__text">
              {typers(names)}
              <span className="dots" aria-hidden="true">
                <i />
                <i />
                <i />
              </span>
            </span>
          </div>
        </li>
      )}
    </ul>
  );
}

function typers(names: string[]): string {
  if (names.length === 1) return `${names[0]} is typing`;
  if (names.length === 2) return `${names[0]} and ${names[1]} are typing`;
  return `${names.length} people are typing`;
}

function Skeleton() {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), SKELETON_AFTER);
    return () => clearTimeout(timer);
  }, []);
  return (
    <ul className="items" aria-hidden="true">
      {shown &&
        [9, 14, 7].map((width) => (
          <li key={width} className="item">
            <div className="item__line">
              <span className="tick" />
              <span className="skeleton" style={{ width: `${width}rem`, maxWidth: "60%" }}>
                .
              </span>
            </div>
          </li>
        ))}
    </ul>
  );
}
