// What home shows: the host's own figures and the rooms of each kind, newest first, a page at a time.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { type Client, type HostInfo, readInfo, type Row } from "../../sdk";
import { merge } from "./rooms";

/** While somebody looks; a hidden page asks nothing. */
const EVERY = 5000;
const PAGE = 50;

export interface Rooms {
  info: HostInfo | undefined;
  rows: readonly Row[];
  /** Some kind has more than what is loaded. */
  more: boolean;
  failed: boolean;
  readAt: number | undefined;
  showMore(): void;
}

/** The rooms of `kind`, or of every kind. */
export function useRooms(client: Client, kind: string | undefined): Rooms {
  const [info, setInfo] = useState<HostInfo>();
  const [rows, setRows] = useState<readonly Row[]>([]);
  const [next, setNext] = useState<Record<string, string | undefined>>({});
  const [failed, setFailed] = useState(false);
  const [readAt, setReadAt] = useState<number>();
  const loaded = useRef(new Set<string>());

  const refresh = useCallback(async () => {
    const host = readInfo(await client.kinds());
    const pages = await Promise.all(
      host.kinds.map(async ({ kind }) => ({ kind, page: await client.actor(kind).list({ limit: PAGE }) })),
    );
    setInfo(host);
    setRows((old) =>
      merge(
        old,
        pages.flatMap(({ page }) => page.rows),
      ),
    );
    // The first page sets where "more" starts, later ones only look at what changed.
    const first = pages.filter(({ kind }) => !loaded.current.has(kind));
    for (const { kind } of first) loaded.current.add(kind);
    setNext((old) => ({ ...old, ...Object.fromEntries(first.map(({ kind, page }) => [kind, page.next])) }));
    setReadAt(Date.now());
  }, [client]);
  usePoll(refresh, setFailed);

  const open = Object.keys(next).filter((name) => next[name] !== undefined && (kind === undefined || name === kind));
  const showMore = useCallback(() => {
    for (const name of open) {
      client
        .actor(name)
        .list({ limit: PAGE, after: next[name]! })
        .then(
          (page) => {
            setRows((old) => merge(old, page.rows));
            setNext((old) => ({ ...old, [name]: page.next }));
          },
          () => setFailed(true),
        );
    }
  }, [client, next, open]);

  const shown = useMemo(() => rows.filter((row) => kind === undefined || row.kind === kind), [rows, kind]);
  return { info, rows: shown, more: open.length > 0, failed, readAt, showMore };
}

/** Every few seconds and on the way back to the page; never two at a time. */
function usePoll(refresh: () => Promise<void>, setFailed: (failed: boolean) => void) {
  useEffect(() => {
    let busy = false;
    let gone = false;
    async function ask() {
      if (busy || document.visibilityState === "hidden") return;
      busy = true;
      try {
        await refresh();
        if (!gone) setFailed(false);
      } catch {
        if (!gone) setFailed(true);
      }
      busy = false;
    }
    void ask();
    const timer = setInterval(() => void ask(), EVERY);
    const look = () => void ask();
    document.addEventListener("visibilitychange", look);
    addEventListener("focus", look);
    return () => {
      gone = true;
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
      removeEventListener("focus", look);
    };
  }, [refresh, setFailed]);
}
