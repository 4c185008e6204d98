// What home shows: the host's own figures, the first rooms of each kind as they change, and the others a page at a time.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { type Client, type HostInfo, type ListUpdate, readInfo, type Row } from "../../sdk";
import { fallen, merge } from "./rooms";

/** The figures, while somebody looks; a hidden page asks nothing. */
const EVERY = 5000;
/** After a list has changed they are asked for sooner, but not more often than this. */
const AT_MOST = 1000;
const PAGE = 50;

export interface Rooms {
  info: HostInfo | undefined;
  rows: readonly Row[];
  /** Every kind has said what it has. */
  loaded: boolean;
  /** Some kind has more than what is loaded. */
  more: boolean;
  failed: boolean;
  readAt: number | undefined;
  showMore(): void;
}

/** What is known of one kind; nothing yet of a list that has not answered. */
interface Known {
  first: ListUpdate | undefined;
  mine: ListUpdate | undefined;
  /** Pages that were asked for: they stay as they were read. */
  older: ListUpdate | undefined;
}
type Kinds = Readonly<Record<string, Known>>;
const NOTHING: Known = { first: undefined, mine: undefined, older: undefined };

/** The rooms of `kind`, or of every kind. */
export function useRooms(client: Client, kind: string | undefined): Rooms {
  const { info, readAt, failed, setFailed, soon } = useFigures(client);
  const names = useMemo(() => info?.kinds.map(({ kind }) => kind).join(" "), [info]);
  const [kinds, put] = useKinds(client, names, soon);

  const chosen = useMemo(
    () => Object.entries(kinds).filter(([name]) => kind === undefined || name === kind),
    [kinds, kind],
  );
  const open = chosen.filter(([, known]) => nextOf(known) !== undefined);
  const showMore = () => {
    for (const [name, known] of open) {
      client
        .actor(name)
        .list({ limit: PAGE, after: nextOf(known)! })
        .then(
          (page) => put(name, ({ older }) => ({ older: { ...page, rows: merge(older?.rows ?? [], page.rows) } })),
          () => setFailed(true),
        );
    }
  };
  const rows = useMemo(() => merge(chosen.flatMap(([, known]) => rowsOf(known))), [chosen]);
  const loaded = info !== undefined && info.kinds.every(({ kind }) => kinds[kind]?.first && kinds[kind].mine);
  return { info, rows, loaded, more: open.length > 0, failed, readAt, showMore };
}

const nextOf = ({ first, older }: Known): string | undefined => (older ?? first)?.next;

/** What is live comes last, and counts. */
const rowsOf = ({ first, mine, older }: Known): Row[] => [older, mine, first].flatMap((part) => part?.rows ?? []);

/** Follows the lists of these kinds. */
function useKinds(client: Client, names: string | undefined, soon: () => void) {
  const [kinds, setKinds] = useState<Kinds>({});
  const put = useCallback((name: string, change: (known: Known) => Partial<Known>) => {
    setKinds((all) => {
      const known = all[name] ?? NOTHING;
      return { ...all, [name]: { ...known, ...change(known) } };
    });
  }, []);
  useEffect(() => {
    if (!names) return;
    const lists = names.split(" ").map((name) => {
      const list = client.actor(name).watch();
      list.on((update) => {
        put(name, (known) => ({ first: update, ...pushedOff(known, update) }));
        soon();
      });
      return list;
    });
    const leave = names.split(" ").map((name) => followMine(client, name, (mine) => put(name, () => ({ mine }))));
    return () => {
      for (const list of lists) list.close();
      for (const fn of leave) fn();
    };
  }, [client, names, put, soon]);
  return [kinds, put] as const;
}

/**
 * Private rooms stand in the list of "mine" alone. Most guests have none: asked for once, and followed only where there is
 * something to follow, since each list takes a stream of its own where sockets do not pass.
 */
function followMine(client: Client, name: string, show: (mine: ListUpdate) => void): () => void {
  let gone = false;
  let leave = () => {};
  const follow = (page: ListUpdate) => {
    if (gone) return;
    show(page);
    if (page.rows.length === 0) return;
    const list = client.actor(name).watch({ mine: true });
    list.on(show);
    leave = () => list.close();
  };
  client
    .actor(name)
    .list({ mine: true })
    .then(follow, () => follow({ rows: [] }));
  return () => {
    gone = true;
    leave();
  };
}

/** Once older rooms are shown, one that newer rooms push off the first page stays among them. */
function pushedOff({ first, older }: Known, update: ListUpdate): Partial<Known> {
  if (!first || !older) return {};
  return { older: { ...older, rows: merge(older.rows, fallen(first.rows, update)) } };
}

function useFigures(client: Client) {
  const [info, setInfo] = useState<HostInfo>();
  const [failed, setFailed] = useState(false);
  const [readAt, setReadAt] = useState<number>();
  const refresh = useCallback(async () => {
    setInfo(readInfo(await client.kinds()));
    setReadAt(Date.now());
  }, [client]);
  const soon = usePoll(refresh, setFailed);
  return { info, failed, setFailed, readAt, soon };
}

/** Every few seconds, on the way back to the page, and when it is asked to; never two at a time. Returns how to ask. */
function usePoll(refresh: () => Promise<void>, setFailed: (failed: boolean) => void): () => void {
  const sooner = useRef(() => {});
  useEffect(() => {
    let busy = false;
    let gone = false;
    let asked = 0;
    let waiting: ReturnType<typeof setTimeout> | undefined;
    async function ask() {
      if (busy || gone || document.visibilityState === "hidden") return;
      busy = true;
      asked = Date.now();
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
    sooner.current = () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => void ask(), Math.max(0, asked + AT_MOST - Date.now()));
    };
    const look = () => void ask();
    document.addEventListener("visibilitychange", look);
    addEventListener("focus", look);
    return () => {
      gone = true;
      clearInterval(timer);
      clearTimeout(waiting);
      document.removeEventListener("visibilitychange", look);
      removeEventListener("focus", look);
    };
  }, [refresh, setFailed]);
  return useCallback(() => sooner.current(), []);
}
