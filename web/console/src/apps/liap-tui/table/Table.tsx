// The table: everything from the start of a game to its end.
import type { ReactNode } from "react";
import type { LiapTuiCommand, LiapTuiView } from "../../../generated/liap-tui";

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

/** The page has `main` and the heading around it. */
export function Table({ view, children }: TableProps) {
  return (
    <div className="liap">
      <section aria-label="Table">{view.round}</section>
      <aside>{children}</aside>
    </div>
  );
}
