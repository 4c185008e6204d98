// A person: colour + shape + first letter.
import type { CSSProperties } from "react";
import { letter } from "./seats";
import { Icon } from "./Sprite";

interface Props {
  seat: number;
  name: string;
  away?: boolean;
  size?: string;
  says?: string;
}

/** `says` makes it an image with that name; without it the name stands next to it and the seat is silent. */
export function Seat({ seat, name, away = false, size, says }: Props) {
  const spoken = says ? { role: "img", "aria-label": says, title: says } : { "aria-hidden": true };
  const style = size ? ({ "--size": size } as CSSProperties) : undefined;
  return (
    <span className={`seat seat--${seat}${away ? " seat--away" : ""}`} style={style} {...spoken}>
      <Icon name={`s${seat}`} />
      <b aria-hidden="true">{letter(name)}</b>
    </span>
  );
}
