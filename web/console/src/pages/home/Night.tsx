// The breathing dormouse on the trace of the last day.
import { useMemo } from "react";
import type { Activity } from "../../sdk";
import { FLOOR, night, WIDTH } from "./night";

interface Props {
  activity: readonly Activity[] | undefined;
  ready: boolean;
  now: number;
}

export function Night({ activity, ready, now }: Props) {
  // Ten-minute bars: drawing them again every poll would change nothing but the labels.
  const minute = Math.floor(now / 60_000) * 60_000;
  const drawn = useMemo(() => night(activity ?? [], minute), [activity, minute]);
  const { mouse, quiet, naps } = drawn;
  return (
    <svg
      className="night"
      viewBox={`0 0 ${WIDTH} 132`}
      role="img"
      aria-label={activity ? drawn.says : "A dormouse, asleep."}
    >
      <path className="base" d={`M0 ${FLOOR}H${WIDTH}`} />
      {activity &&
        naps.map((nap) => (
          <path key={nap.from} className="nap" d={`M${nap.from.toFixed(1)} ${FLOOR}H${nap.to.toFixed(1)}`} />
        ))}
      <path className="past" d={drawn.bars} />
      {ready && mouse && (
        <g className="breathing mouse">
          {/* The drawing's belly ends a little above its box. */}
          <svg
            x={mouse.x}
            y={FLOOR + mouse.size * 0.08 - mouse.size}
            width={mouse.size}
            height={mouse.size}
            viewBox="0 0 32 32"
          >
            <use href="#mark" />
          </svg>
        </g>
      )}
      {activity && (
        <g aria-hidden="true">
          <text x="0" y="122">
            24 hours ago
          </text>
          {quiet && (
            <text className="wide" x={quiet.x} y="122" textAnchor="middle">
              {quiet.words}
            </text>
          )}
          {quiet && (
            <text className="narrow" x={WIDTH / 2} y="122" textAnchor="middle">
              {quiet.words}
            </text>
          )}
          <text x={WIDTH} y="122" textAnchor="end">
            now
          </text>
        </g>
      )}
    </svg>
  );
}
