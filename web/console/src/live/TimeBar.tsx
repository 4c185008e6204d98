// The history of a room along the bottom: every commit, and the way to look at any of them.
import { short } from "../ui/position";
import { exact, moment, day, span } from "../ui/time";
import { TraceSlider } from "../ui/Trace";
import { useNow } from "../ui/useNow";
import { figure, plural } from "../ui/words";
import type { History } from "./useHistory";

/** A nap shorter than this needs no word under it. */
const WORTH_A_WORD = 3_600_000;

interface Props {
  history: History<unknown>;
  position: string | null;
  /** What the room is to those in it: a list, a game. */
  room: string;
  /** What one commit is to them. */
  commit: string;
}

export function TimeBar({ history, position, room, commit }: Props) {
  const { axis, looking } = history;
  const now = useNow(60_000);
  if (axis.head === 0)
    return history.failed ? <p className="small faint">The history could not be read just now.</p> : null;
  const seq = looking?.seq ?? axis.head;
  const at = axis.at(seq);
  const shown =
    looking?.moment && !looking.failed
      ? short(looking.moment.position)
      : position
        ? `${position.split(":")[0]}:${seq}`
        : String(seq);
  return (
    <section className="time" aria-label={`History of this ${room}`}>
      <div className="row">
        <h3>History</h3>
        <span className="small faint wide">{plural(axis.head, commit)} in {lasted(history, now)}</span>
        <span className="push row">
          <span className="num small" title={exact(at)}>
            {shown}
          </span>
          <button className={looking ? "btn btn--go" : "btn btn--quiet"} disabled={!looking} onClick={history.now}>
            Now
          </button>
        </span>
      </div>
      <TraceSlider
        axis={axis}
        value={seq}
        atNow={!looking}
        onChange={history.lookAt}
        label="Position in history"
        valuetext={`Position ${figure(seq)} of ${figure(axis.head)}, ${moment(at, now)}`}
      />
      <Labels history={history} now={now} />
    </section>
  );
}

function Labels({ history: { axis, createdAt }, now }: { history: History<unknown>; now: number }) {
  const longest = axis.naps.reduce((a, b) => (b.ms > (a?.ms ?? 0) ? b : a), axis.naps[0]);
  const middle = longest ? (longest.from + longest.to) / 2 / axis.width : 0;
  // The two ends have words already; a nap too near to them would write over those.
  const word = longest && longest.ms >= WORTH_A_WORD && middle > 0.22 && middle < 0.7;
  return (
    <div className="axis tiny faint">
      <span>{day(createdAt ?? axis.at(1), now)}</span>
      {word && (
        <span className="axis__nap" style={{ insetInlineStart: `${middle * 100}%` }}>
          asleep for {span(longest.ms)}
        </span>
      )}
      <span>{moment(axis.at(axis.head), now)}</span>
    </div>
  );
}

const lasted = ({ createdAt, axis }: History<unknown>, now: number): string =>
  span(Math.max(1000, now - (createdAt ?? axis.at(1))));
