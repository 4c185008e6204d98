// Where am I, is it live, who is here.
import type { ReactNode } from "react";
import { Link } from "../router";
import { Mark, Wordmark } from "./Mark";
import { Icon } from "./Sprite";
import { toggleTheme } from "./theme";

interface Props {
  title: string;
  parent?: boolean;
  /** What is between all rooms and here. */
  within?: { title: string; to: string };
  children?: ReactNode;
}

export function TopBar({ title, parent = false, within, children }: Props) {
  return (
    <header className="bar">
      <Link className="brand" to="/" aria-label="Dormouse, all rooms">
        <Mark />
        <Wordmark />
      </Link>
      <nav className="crumbs" aria-label="Where you are">
        {parent && (
          <Link className="wide" to="/">
            Rooms
          </Link>
        )}
        {within && (
          <Link className="wide" to={within.to}>
            {within.title}
          </Link>
        )}
        <b className="clip">{title}</b>
      </nav>
      <div className="row push">
        {children}
        <button className="btn btn--quiet btn--icon" onClick={toggleTheme} aria-label="Change between light and dark">
          <Icon name="sun" className="ico" />
        </button>
      </div>
    </header>
  );
}
