// A piece that nobody presses: a wood disc with its character, or its back with the mark.
import type { CSSProperties } from "react";
import type { Piece as PieceOf } from "../../../generated/liap-tui";
import { characterOf, colourOf, points, spoken } from "./pieces";
import "./piece.css";

interface Props {
  /** None lies face down. */
  piece?: PieceOf | null;
  size?: string;
  /** The points beneath. */
  worth?: boolean;
  /** Turns over when a face comes. */
  turns?: boolean;
}

export function Piece({ piece, size, worth = false, turns = false }: Props) {
  const style = size ? ({ "--p": size } as CSSProperties) : undefined;
  const look = piece ? `piece--${colourOf(piece)}` : "piece--back";
  return (
    <span
      className={`piece ${look}${turns && piece ? " piece--turns" : ""}`}
      style={style}
      role="img"
      aria-label={piece ? spoken(piece) : "Face-down piece"}
    >
      {piece ? <Face piece={piece} worth={worth} /> : <Back />}
    </span>
  );
}

/** What is drawn on a disc, and, where asked for, the points beneath it. The disc has a name that says both. */
export function Face({ piece, worth }: { piece: PieceOf; worth: boolean }) {
  return (
    <>
      <span lang="zh-Hant" aria-hidden="true">{characterOf(piece)}</span>
      {worth && <i aria-hidden="true">{points(piece)}</i>}
    </>
  );
}

function Back() {
  return (
    <svg aria-hidden="true">
      <use href="#mark" />
    </svg>
  );
}
