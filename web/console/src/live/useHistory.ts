// A room's history: the trace, and the view at any commit. Read once, then carried on by what the line brings.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { ActorTypes, Handle, ViewAt } from "../sdk";
import { type Axis, axis, type Sample } from "../ui/axis";
import { place } from "../ui/position";

/** Enough bars for a wide screen. */
const BUCKETS = 240;
/** A dragged slider passes many commits; only where it rests is asked for. */
const RESTS = 70;

export interface Looking<V> {
  seq: number;
  moment: ViewAt<V> | undefined;
  failed: boolean;
}

export interface History<V> {
  axis: Axis;
  createdAt: number | undefined;
  failed: boolean;
  looking: Looking<V> | undefined;
  lookAt(seq: number): void;
  now(): void;
}

export function useHistory<T extends ActorTypes>(
  handle: Handle<T>,
  position: string | null,
  live: boolean,
): History<T["view"]> {
  const { samples, createdAt, failed } = useSamples(handle, position, live);
  const line = useMemo(() => axis(samples), [samples]);
  const [seq, setSeq] = useState<number>();
  const seen = useMoment(handle, seq);

  const lookAt = useCallback((to: number) => setSeq(to >= line.head ? undefined : to), [line.head]);
  const now = useCallback(() => setSeq(undefined), []);
  const looking = seq === undefined ? undefined : { seq, ...seen };
  return { axis: line, createdAt, failed, looking, lookAt, now };
}

function useSamples<T extends ActorTypes>(handle: Handle<T>, position: string | null, live: boolean) {
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  const [createdAt, setCreatedAt] = useState<number>();
  const [failed, setFailed] = useState(false);

  const { epoch, seq: head } = position === null ? { epoch: 0, seq: 0 } : place(position);

  // Both follow the line within the render that shows it: an effect would render once more for every commit, and React
  // takes many commits in a row for a loop and throws.
  const [of, setOf] = useState({ handle, epoch });
  const last = samples.at(-1);
  if (of.handle !== handle || of.epoch !== epoch) {
    // A new epoch is another history: what was drawn before never happened in it.
    setOf({ handle, epoch });
    setSamples([]);
  } else if (last !== undefined && head > last.seq) {
    setSamples([...samples, { seq: head, at: Date.now() }]);
  }

  // Asked again whenever the line came back: what passed meanwhile has its own times.
  useEffect(() => {
    if (!live) return;
    let current = true;
    handle.history({ buckets: BUCKETS }).then(
      (history) => {
        if (!current) return;
        setSamples((old) => [...history.commits, ...old.filter((s) => s.seq > (history.commits.at(-1)?.seq ?? 0))]);
        setCreatedAt(history.created_at);
        setFailed(false);
      },
      () => {
        if (current) setFailed(true);
      },
    );
    return () => {
      current = false;
    };
  }, [handle, live, epoch]);
  return { samples, createdAt, failed };
}

function useMoment<T extends ActorTypes>(handle: Handle<T>, seq: number | undefined) {
  type V = T["view"];
  const known = useRef(new Map<number, ViewAt<V>>());
  const [answer, setAnswer] = useState<{ seq: number; moment: ViewAt<V> | undefined; failed: boolean }>();

  useEffect(() => {
    known.current.clear();
  }, [handle]);
  useEffect(() => {
    if (seq === undefined || known.current.has(seq)) return;
    let current = true;
    const timer = setTimeout(() => {
      handle.at(seq).then(
        (moment) => {
          known.current.set(seq, moment);
          if (current) setAnswer({ seq, moment, failed: false });
        },
        () => {
          if (current) setAnswer({ seq, moment: undefined, failed: true });
        },
      );
    }, RESTS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [handle, seq]);

  const kept = seq === undefined ? undefined : known.current.get(seq);
  // Until the new place answers, the last one stays: a list that empties while one drags cannot be read.
  return { moment: kept ?? answer?.moment, failed: answer?.seq === seq && answer?.failed === true };
}
