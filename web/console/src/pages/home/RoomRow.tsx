// One room in the list: what it is, how it is, and the way in.
import { memo } from "react";
import { APPS, iconOf } from "../../apps";
import { Link } from "../../router";
import type { Row } from "../../sdk";
import { short } from "../../ui/position";
import { Icon } from "../../ui/Sprite";
import { exact } from "../../ui/time";
import { memberWords, nowWords } from "./rooms";

interface Props {
  row: Row;
  kindTitle: string;
  me: string | undefined;
  now: number;
  changed: boolean;
}

export const RoomRow = memo(function RoomRow({ row, kindTitle, me, now, changed }: Props) {
  const app = APPS[row.kind];
  const title = row.title || app?.untitled || `${kindTitle} ${row.id}`;
  const to = `/${row.kind}/${encodeURIComponent(row.id)}`;
  const name = (
    <>
      <b className="clip">{title}</b>
      <span className="tiny faint">{kindTitle}</span>
    </>
  );
  const look = `room room--${row.awake ? "live" : "asleep"}${changed ? " room--changed" : ""}`;
  return (
    <li className={look}>
      <span className="room__app">
        <Icon name={iconOf(row.kind)} className="ico" />
      </span>
      {app ? (
        <Link className="room__name" to={to}>
          {name}
        </Link>
      ) : (
        <span className="room__name">{name}</span>
      )}
      <span className="room__now small">
        <Icon name={row.awake ? "live" : "asleep"} className="dot" />
        <span title={exact(row.updated_at)}>{nowWords(row, now)}</span>
      </span>
      <span className="room__who small quiet">{memberWords(row.members, me)}</span>
      <span className="room__pos num faint" title={row.position}>
        {short(row.position)}
      </span>
      {app ? (
        <Link className={row.awake ? "btn" : "btn btn--quiet"} to={to}>
          {row.awake ? "Open" : "Wake"}
          <span className="sr"> {title}</span>
        </Link>
      ) : (
        <span />
      )}
    </li>
  );
});
