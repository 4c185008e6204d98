// All rooms: how many are awake, the last day, and every room that this guest may see.
import { useStatus } from "@dormouse/react";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { APPS, iconOf } from "../../apps";
import { usePrincipal } from "../../live/useClient";
import { useCalm } from "../../live/useCalm";
import { tone } from "../../live/useLine";
import { Link } from "../../router";
import type { HostInfo, Row, Stats } from "../../sdk";
import { useSession } from "../../session";
import { Empty } from "../../ui/Empty";
import { NameDialog } from "../../ui/NameDialog";
import { Seat } from "../../ui/Seat";
import { seated } from "../../ui/seats";
import { Icon } from "../../ui/Sprite";
import { Status } from "../../ui/Status";
import { ago } from "../../ui/time";
import { TopBar } from "../../ui/TopBar";
import { useNow } from "../../ui/useNow";
import { duration, figure } from "../../ui/words";
import { heroLines } from "./hero";
import { JoinDialog } from "./JoinDialog";
import { Night } from "./Night";
import { RoomRow } from "./RoomRow";
import { asleep, awake } from "./rooms";
import { StartDialog } from "./StartDialog";
import { type Rooms, useRooms } from "./useRooms";
import "./home.css";

type Asking = "start" | "join" | "name" | undefined;

export default function HomePage() {
  const session = useSession();
  const { client } = session;
  const status = useCalm(tone(useStatus()));
  const me = usePrincipal();
  const [kind, setKind] = useState<string>();
  const [asking, setAsking] = useState<Asking>();
  const rooms = useRooms(client, kind);
  const now = useNow(5000);
  const close = () => setAsking(undefined);
  const kinds = rooms.info?.kinds ?? [];
  useEffect(() => {
    document.title = "Rooms: Dormouse";
  }, []);

  return (
    <>
      <TopBar title="Rooms">
        <Status tone={status} spoken />
        {me && <Me id={me.id} name={session.name ?? me.name} onPress={() => setAsking("name")} />}
      </TopBar>
      <main className="home">
        <Hero rooms={rooms} now={now} ask={setAsking} />
        <Figures stats={rooms.info?.stats} />
        <Tabs kinds={kinds} chosen={kind} choose={setKind} />
        {rooms.failed && (
          <p className="failed small" role="status">
            The host does not answer.{" "}
            {rooms.readAt ? `What you see was read ${ago(rooms.readAt, now)}.` : "It is asked again every few seconds."}
          </p>
        )}
        <List rooms={rooms} kinds={kinds} kind={kind} me={me?.id} now={now} />
        {rooms.more && (
          <p className="more">
            <button className="btn btn--quiet" onClick={rooms.showMore}>
              Show more rooms
            </button>
          </p>
        )}
      </main>
      {asking === "start" && <StartDialog session={session} kinds={kinds} preferred={kind} onClose={close} />}
      {asking === "join" && <JoinDialog client={client} kinds={kinds} onClose={close} />}
      {asking === "name" && <NameDialog name={session.name ?? ""} waiting={client.waiting} onClose={close} />}
    </>
  );
}

function Me({ id, name, onPress }: { id: string; name: string; onPress(): void }) {
  return (
    <button className="btn btn--quiet btn--seat wide" onClick={onPress} aria-label={`You, ${name}. Change your name`}>
      <Seat seat={seated({}, [id])[id]!} name={name} />
    </button>
  );
}

function Hero({ rooms, now, ask }: { rooms: Rooms; now: number; ask(what: Asking): void }) {
  const stats = rooms.info?.stats;
  const lines = counted(rooms);
  return (
    <section className="hero">
      <div>
        <h1>
          {lines.map((line, i) => (
            <span key={i}>
              {line}
              {i === 0 && <br />}
            </span>
          ))}
        </h1>
        <p className="quiet">
          A sleeping room uses no memory.
          <br className="wide" /> Open it and it carries on at the move where it stopped.
        </p>
        <div className="row wrap acts">
          <button className="btn btn--go btn--big" onClick={() => ask("start")}>
            <Icon name="plus" className="ico" />
            Start a room
          </button>
          <button className="btn btn--quiet btn--big" onClick={() => ask("join")}>
            Join by code
          </button>
          {invitations(rooms.info?.kinds)}
        </div>
      </div>
      <Night activity={stats?.activity} ready={rooms.info !== undefined || rooms.failed} now={now} />
    </section>
  );
}

/** The ways into kinds that have a page of their own before their rooms. */
const invitations = (kinds: HostInfo["kinds"] = []) =>
  kinds
    .filter(({ kind }) => APPS[kind]?.invitation)
    .map(({ kind }) => (
      <Link key={kind} className="btn btn--big" to={`/${kind}`}>
        <Icon name={iconOf(kind)} className="ico" />
        {APPS[kind]!.invitation}
      </Link>
    ));

/** The host's own counts; without them what the list shows, if that is all there is. Until it answers, only the room for it. */
function counted({ info, rows, loaded, more, failed }: Rooms): string[] {
  const { live, asleep: sleeping } = info?.stats ?? {};
  if (live !== undefined && sleeping !== undefined) return heroLines(live, sleeping);
  if (loaded && !more) return heroLines(awake(rows).length, asleep(rows).length);
  return info || failed ? ["Rooms that sleep", "and never lose a move."] : ["\u00a0", "\u00a0"];
}

function Figures({ stats }: { stats: Stats | undefined }) {
  const list: [string, string, ReactNode?][] = [];
  if (stats?.asleep !== undefined)
    list.push([
      "Rooms asleep",
      figure(stats.asleep),
      stats.live !== undefined && `of ${figure(stats.asleep + stats.live)}`,
    ]);
  if (stats?.last_wake_us !== undefined)
    list.push(["Last wake", duration(stats.last_wake_us), "from the journal to ready"]);
  if (stats?.commits !== undefined) list.push(["Moves kept", figure(stats.commits), "each in the journal"]);
  if (stats?.connections !== undefined)
    list.push(["On the line", figure(stats.connections), stats.connections === 1 ? "connection" : "connections"]);
  if (list.length === 0) return null;
  return (
    <dl className="figures">
      {list.map(([name, value, note]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
          {note && <dd className="tiny faint">{note}</dd>}
        </div>
      ))}
    </dl>
  );
}

function Tabs({
  kinds,
  chosen,
  choose,
}: {
  kinds: HostInfo["kinds"];
  chosen: string | undefined;
  choose(kind?: string): void;
}) {
  const tab = (kind: string | undefined, title: string) => (
    <button key={kind ?? ""} aria-current={kind === chosen ? "page" : undefined} onClick={() => choose(kind)}>
      {title}
    </button>
  );
  return (
    <nav className="tabs filter" aria-label="Show">
      {tab(undefined, "All rooms")}
      {kinds.map(({ kind, title }) => tab(kind, title))}
    </nav>
  );
}

interface ListProps {
  rooms: Rooms;
  kinds: HostInfo["kinds"];
  kind: string | undefined;
  me: string | undefined;
  now: number;
}

function List({ rooms, kinds, kind, me, now }: ListProps) {
  const titles = useMemo(() => new Map(kinds.map((k) => [k.kind, k.title])), [kinds]);
  const changed = useChanged(rooms.rows);
  if (!rooms.loaded) return null;
  if (rooms.rows.length === 0) return <Empty>No rooms yet. Start one and send the link to a friend.</Empty>;
  // The host counts all rooms; of one kind, or of what this guest may see, only what is loaded is known.
  const counts = kind === undefined ? rooms.info?.stats : undefined;
  const count = (known: number | undefined, loaded: number) => known ?? (rooms.more ? undefined : loaded);
  const group = (name: string, rows: readonly Row[], total: number | undefined) =>
    rows.length > 0 && (
      <section aria-label={name}>
        <h2 className="group">
          {name} {total !== undefined && <span className="faint">{figure(total)}</span>}
        </h2>
        <ul className="rooms">
          {rows.map((row) => (
            <RoomRow
              key={`${row.kind}/${row.id}`}
              row={row}
              kindTitle={titles.get(row.kind) ?? row.kind}
              me={me}
              now={now}
              changed={changed.has(`${row.kind}/${row.id}`)}
            />
          ))}
        </ul>
      </section>
    );
  return (
    <>
      {group("Awake", awake(rooms.rows), count(counts?.live, awake(rooms.rows).length))}
      {group("Asleep", asleep(rooms.rows), count(counts?.asleep, asleep(rooms.rows).length))}
    </>
  );
}

/** Rooms that woke or fell asleep since the last look: their colours lift or sink once. */
function useChanged(rows: readonly Row[]): ReadonlySet<string> {
  const before = useRef(new Map<string, boolean>());
  return useMemo(() => {
    const changed = new Set<string>();
    for (const row of rows) {
      const name = `${row.kind}/${row.id}`;
      const was = before.current.get(name);
      if (was !== undefined && was !== row.awake) changed.add(name);
      before.current.set(name, row.awake);
    }
    return changed;
  }, [rows]);
}
