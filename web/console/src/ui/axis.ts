// The trace's arithmetic: commits in, bars and naps out. One place for the slider, the room and the replay bar.
//
// Time is not drawn to scale: a list of nine days may have been awake for forty minutes of them, and those are what one
// wants to see. So every commit gets the same width, and a sleep gets a width that grows with the logarithm of its length.

export interface Sample {
  seq: number;
  at: number;
}
export interface Bar {
  seq: number;
  x: number;
  width: number;
  height: number;
}
export interface Nap {
  from: number;
  to: number;
  ms: number;
}
export interface Axis {
  width: number;
  head: number;
  bars: Bar[];
  naps: Nap[];
  /** Middle of the commit's bar, 0 to `width`. */
  x(seq: number): number;
  /** The commit nearest to this place. */
  seqAt(x: number): number;
  /** When this commit was; between two known ones, about when. */
  at(seq: number): number;
}

/** No commit for this long is drawn as sleep. */
const QUIET = 5 * 60_000;
const WIDTH = 1000;
const BAR_MAX = 12;
/** Naps together take at most this share; each at most that. */
const NAPS_SHARE = 0.55;
const NAP_SHARE = 0.18;

interface Step {
  from: number;
  seq: number;
  at: number;
  count: number;
  ms: number;
  nap: boolean;
}

/** What happened between each sample and the one before. A sample may stand for several commits. */
function steps(samples: readonly Sample[]): Step[] {
  const sorted = [...samples].sort((a, b) => a.seq - b.seq).filter((s, i, all) => i === 0 || s.seq !== all[i - 1]!.seq);
  return sorted.map((sample, i) => {
    const before = sorted[i - 1];
    const count = before ? sample.seq - before.seq : 1;
    const ms = before ? Math.max(0, sample.at - before.at) : 0;
    return { from: sample.seq - count, seq: sample.seq, at: sample.at, count, ms, nap: ms / count > QUIET };
  });
}

/** Busy stretches stand tall: the pace on a logarithmic scale, between the room's slowest and fastest. */
function heights(list: readonly Step[]): number[] {
  const pace = list.map((s) => (s.ms === 0 || s.nap ? undefined : Math.log(s.count / s.ms)));
  const known = pace.filter((p) => p !== undefined);
  const low = Math.min(...known);
  const range = Math.max(...known) - low;
  return pace.map((p) => (p === undefined ? 0.25 : range < 0.01 ? 0.6 : 0.2 + 0.8 * ((p - low) / range)));
}

export function axis(samples: readonly Sample[]): Axis {
  const list = steps(samples);
  const weights = list.map((s) => (s.nap ? Math.log2(1 + s.ms / QUIET) : 0));
  const weight = weights.reduce((a, b) => a + b, 0);
  const napCount = weights.filter((w) => w > 0).length;
  const forNaps = weight === 0 ? 0 : WIDTH * Math.min(NAPS_SHARE, NAP_SHARE * napCount);
  const commits = list.reduce((sum, s) => sum + s.count, 0);
  const slot = commits === 0 ? WIDTH : (WIDTH - forNaps) / commits;
  return place(
    list,
    weights.map((w) => (weight === 0 ? 0 : (w / weight) * forNaps)),
    slot,
  );
}

function place(list: Step[], napWidths: number[], slot: number): Axis {
  const bars: Bar[] = [];
  const naps: Nap[] = [];
  const tall = heights(list);
  let x = 0;
  list.forEach((step, i) => {
    const nap = napWidths[i]!;
    if (nap > 0) naps.push({ from: x, to: x + nap, ms: step.ms });
    x += nap;
    const room = slot * step.count;
    const width = Math.min(room * 0.62, BAR_MAX);
    // The bar ends its slot, so that the newest commit stands at the right edge: now.
    bars.push({ seq: step.seq, x: x + room - width, width, height: tall[i]! });
    x += room;
  });
  const head = list.at(-1)?.seq ?? 0;
  return { width: WIDTH, head, bars, naps, ...lookups(list, bars, slot) };
}

function lookups(list: Step[], bars: Bar[], slot: number): Pick<Axis, "x" | "seqAt" | "at"> {
  const middle = (i: number) => bars[i]!.x + bars[i]!.width / 2;
  const index = (seq: number) => {
    const found = list.findIndex((s) => s.seq >= seq);
    return found < 0 ? list.length - 1 : found;
  };
  return {
    x(seq) {
      if (list.length === 0) return WIDTH;
      const i = index(seq);
      return Math.min(WIDTH, middle(i) - Math.max(0, list[i]!.seq - seq) * slot);
    },
    seqAt(x) {
      if (list.length === 0) return 0;
      const after = bars.findIndex((_, i) => middle(i) >= x);
      if (after <= 0) return list[after < 0 ? list.length - 1 : 0]!.seq;
      // Back from the bar to the right, at most to the first commit that it stands for; beyond is sleep, or the bar before.
      const { seq, count } = list[after]!;
      const back = Math.min(count - 1, Math.round((middle(after) - x) / slot));
      const gap = middle(after) - back * slot - x;
      return gap > x - middle(after - 1) ? list[after - 1]!.seq : seq - back;
    },
    at(seq) {
      const step = list[index(seq)];
      if (!step) return 0;
      const share = step.count === 0 ? 0 : Math.max(0, step.seq - seq) / step.count;
      return step.at - share * step.ms;
    },
  };
}

/** The bars as one path; the trace is one node, however long the room lived. */
export function path(bars: readonly Bar[], floor: number, tallest: number): string {
  const n = (value: number) => value.toFixed(1);
  return bars
    .map((bar) => `M${n(bar.x)} ${n(floor - bar.height * tallest)}h${n(bar.width)}V${n(floor)}h-${n(bar.width)}z`)
    .join("");
}
