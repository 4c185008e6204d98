// The last day as a drawing: 144 bars of ten minutes, and the longest quiet stretch, where the dormouse sleeps.
import type { Activity } from "../../sdk";
import { clock, span } from "../../ui/time";

const BUCKETS = 144;
const BUCKET = 600_000;
export const WIDTH = 600;
export const FLOOR = 99;
const TALLEST = 66;
const SHORTEST = 8;
const STEP = WIDTH / BUCKETS;
/** Its size in the mock-up, and the least that is still a dormouse. */
const MOUSE = 122;
const MOUSE_MIN = 44;

export interface Night {
  bars: string;
  naps: { from: number; to: number }[];
  mouse: { x: number; size: number } | undefined;
  /** What stands under the quiet stretch, and where. */
  quiet: { x: number; words: string } | undefined;
  says: string;
}

/** Commits by bucket, oldest first; buckets that the host leaves out had none. */
export function buckets(activity: readonly Activity[], now: number): number[] {
  const counts = new Array<number>(BUCKETS).fill(0);
  const newest = Math.floor(now / BUCKET);
  for (const { at, commits } of activity) {
    const i = BUCKETS - 1 - (newest - Math.floor(at / BUCKET));
    if (i >= 0 && i < BUCKETS) counts[i]! += commits;
  }
  return counts;
}

interface Run {
  from: number;
  to: number;
}

function quietRuns(counts: readonly number[]): Run[] {
  const runs: Run[] = [];
  counts.forEach((count, i) => {
    const last = runs.at(-1);
    if (count > 0) return;
    if (last?.to === i) last.to = i + 1;
    else runs.push({ from: i, to: i + 1 });
  });
  return runs.filter((run) => run.to - run.from > 1);
}

export function night(activity: readonly Activity[], now: number): Night {
  const counts = buckets(activity, now);
  const most = Math.max(1, ...counts);
  const runs = quietRuns(counts);
  const longest = runs.reduce<Run | undefined>((a, b) => (!a || b.to - b.from > a.to - a.from ? b : a), undefined);
  return {
    bars: counts.map((count, i) => bar(i, count, most)).join(""),
    naps: runs.map((run) => ({ from: run.from * STEP, to: run.to * STEP })),
    mouse: longest && mouse(longest),
    quiet: longest && label(longest, now),
    says: sentence(counts, longest),
  };
}

/** The square root keeps one busy bucket from flattening all others. */
function bar(i: number, count: number, most: number): string {
  if (count === 0) return "";
  const height = SHORTEST + (TALLEST - SHORTEST) * Math.sqrt(count / most);
  return `M${(i * STEP).toFixed(1)} ${(FLOOR - height).toFixed(1)}h2.4V${FLOOR}h-2.4z`;
}

function mouse(run: Run): Night["mouse"] {
  const room = (run.to - run.from) * STEP;
  const size = Math.min(MOUSE, room * 0.75);
  if (size < MOUSE_MIN) return undefined;
  const x = ((run.from + run.to) / 2) * STEP - size / 2;
  return { x, size };
}

/** The outer labels need their room; a stretch that touches the middle of neither gets words. */
function label(run: Run, now: number): Night["quiet"] {
  const length = run.to - run.from;
  if (length < 6 || length === BUCKETS) return length === BUCKETS ? { x: WIDTH / 2, words: "all asleep" } : undefined;
  const start = (Math.floor(now / BUCKET) - BUCKETS + 1) * BUCKET;
  const x = Math.min(WIDTH - 140, Math.max(195, ((run.from + run.to) / 2) * STEP));
  const [from, to] = [clock(start + run.from * BUCKET), clock(start + run.to * BUCKET)];
  // When it began is not on the drawing.
  if (run.from === 0) return { x, words: `until ${to}, all asleep` };
  return { x, words: `${from} to ${run.to === BUCKETS ? "now" : to}, all asleep` };
}

function sentence(counts: readonly number[], longest: Run | undefined): string {
  if (counts.every((count) => count === 0)) return "The last 24 hours: quiet, everything slept.";
  if (!longest) return "The last 24 hours: busy all through.";
  return `The last 24 hours of moves. The longest quiet stretch was ${span((longest.to - longest.from) * BUCKET)}; a dormouse sleeps on it.`;
}
