// Nothing here: the mark in dusk, one sentence, one button.
import type { ReactNode } from "react";
import { Mark } from "./Mark";

interface Props {
  title?: string;
  children: ReactNode;
  action?: ReactNode;
}

export function Empty({ title, children, action }: Props) {
  return (
    <div className="empty">
      <Mark breathing />
      {title && <h1>{title}</h1>}
      <p>{children}</p>
      {action}
    </div>
  );
}
