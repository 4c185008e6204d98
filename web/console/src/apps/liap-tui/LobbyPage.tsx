// Before the tables: a name and one press to a live game, tables of others, and a new one of one's own.
import { useList } from "@dormouse/react";
import { type FormEvent, useEffect, useId, useState } from "react";
import type { LiapTuiConfig } from "../../generated/liap-tui";
import { usePrincipal } from "../../live/useClient";
import { useCalm } from "../../live/useCalm";
import { tone } from "../../live/useLine";
import { refused } from "../../live/words";
import { parseCode } from "../../pages/home/rooms";
import { Link, navigate } from "../../router";
import type { Client, Row } from "../../sdk";
import { useSession } from "../../session";
import { Empty } from "../../ui/Empty";
import { Icon } from "../../ui/Sprite";
import { Status } from "../../ui/Status";
import { exact, span } from "../../ui/time";
import { TopBar } from "../../ui/TopBar";
import { useNow } from "../../ui/useNow";
import { keepPlayerName, usePlayerName } from "./playerName";
import { Piece } from "./table/Piece";
import { configOf, inOrder, isAtRest, peopleAt, quickMatch, rowWords, SEATS, verbOf } from "./tables";
import { Tutorial } from "./Tutorial";
import "./liap.css";

const KIND = "liap-tui";
const NAME_MAX = 50;

export default function LobbyPage() {
  const { rows, status } = useList(KIND);
  const shown = useCalm(tone(status));
  const mine = useList(KIND, { mine: true });
  const [learning, setLearning] = useState(false);
  useEffect(() => {
    document.title = "Liap Tui: Dormouse";
  }, []);
  return (
    <>
      <TopBar title="Liap Tui" parent>
        <Status tone={shown} />
      </TopBar>
      <main className="lobby">
        <div className="lobby__head">
          <span className="row lobby__pieces" aria-hidden="true">
            <Piece piece="red_general" />
            <Piece piece="black_general" />
          </span>
          <div>
            <h1>Liap Tui</h1>
            <p className="quiet">Say how many piles you will take. Then take exactly that many.</p>
          </div>
          <button className="btn btn--quiet push" onClick={() => setLearning(true)}>
            Learn it in two minutes
          </button>
        </div>
        <div className="lobby__cols">
          <PlayPlate rows={rows ?? []} />
          <Tables rows={rows} mine={mine.rows ?? []} />
        </div>
      </main>
      {learning && <Tutorial onClose={() => setLearning(false)} />}
    </>
  );
}

type Way = "now" | "quick" | "new";

/** One form, three ways: play at once with bots, sit down with others, or set a table. */
function PlayPlate({ rows }: { rows: readonly Row[] }) {
  const { client } = useSession();
  const name = usePlayerName();
  const me = usePrincipal();
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const field = useId();

  async function go(way: Way, form: FormData) {
    const config = configOf(form);
    if (!config.name) return setWrong("Type the name that the others at the table should see.");
    setBusy(true);
    setWrong("");
    try {
      await start(client, way, config, way === "quick" ? quickMatch(rows, me?.id) : undefined);
    } catch (error) {
      setWrong(refused(error));
      setBusy(false);
    }
  }
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const button = (event.nativeEvent as SubmitEvent).submitter as HTMLButtonElement | null;
    void go((button?.value as Way | undefined) ?? "now", new FormData(event.currentTarget));
  }
  return (
    <section className="plate play" aria-label="Play">
      <form onSubmit={submit}>
        <div className="labelled">
          <label className="small" htmlFor={field}>
            Your name
          </label>
          <span className="field">
            <input id={field} name="name" defaultValue={name} maxLength={NAME_MAX} autoComplete="nickname" />
          </span>
        </div>
        {wrong && (
          <p className="dialog__refused small" role="alert">
            {wrong}
          </p>
        )}
        <button className="btn btn--go btn--big" name="way" value="now" disabled={busy}>
          Play now
        </button>
        <p className="tiny faint">A game with three bots begins at once. Friends can watch it with the link.</p>
        <div className="row wrap">
          <button className="btn" name="way" value="quick" disabled={busy}>
            Find a table
          </button>
          <button className="btn" name="way" value="new" disabled={busy}>
            Set a table for friends
          </button>
        </div>
        <Options />
      </form>
    </section>
  );
}

function Options() {
  return (
    <details className="play__more">
      <summary className="small">More</summary>
      <Choice name="bots" label="Bots" options={[["easy", "easy"], ["hard", "hard"]]} />
      <Choice
        name="mode"
        label="Who wins"
        options={[
          ["first_to_50", "most points once somebody has 50"],
          ["most_after_20", "most points after 20 rounds"],
          ["exactly_50", "whoever has exactly 50"],
        ]}
      />
      <Choice name="pace" label="Pauses" options={[["normal", "long enough for people"], ["fast", "short"]]} />
      <label className="row small">
        <input type="checkbox" name="private" /> Private: only who has the link finds it
      </label>
    </details>
  );
}

function Choice({ name, label, options }: { name: string; label: string; options: readonly (readonly [string, string])[] }) {
  return (
    <label className="labelled small">
      {label}
      <span className="field">
        <select name={name}>
          {options.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </span>
    </label>
  );
}

async function start(client: Client, way: Way, config: LiapTuiConfig, found: Row | undefined) {
  keepPlayerName(config.name!);
  const tables = client.actor(KIND);
  if (found) {
    await tables.get(found.id).send({ type: "join", name: config.name! });
    return navigate(to(found.id));
  }
  const table = await tables.create(config);
  if (way === "now") await table.send({ type: "start_game" });
  navigate(to(table.id));
}

const to = (id: string) => `/${KIND}/${encodeURIComponent(id)}`;

function Tables({ rows, mine }: { rows: readonly Row[] | undefined; mine: readonly Row[] }) {
  const now = useNow(30_000);
  const me = usePrincipal()?.id;
  const all = inOrder([...new Map([...mine, ...(rows ?? [])].map((row) => [row.id, row])).values()]);
  return (
    <section className="open" aria-labelledby="open-tables">
      <div className="row wrap">
        <h2 id="open-tables">Tables</h2>
        {rows && <span className="faint small">{all.length}</span>}
        <span className="small faint push">Updates by itself</span>
      </div>
      <JoinByCode />
      {rows && all.length === 0 ? (
        <Empty>No tables yet. Start one and send the link to a friend.</Empty>
      ) : (
        <ul>
          {all.map((row) => (
            <TableRow key={row.id} row={row} me={me} now={now} />
          ))}
        </ul>
      )}
    </section>
  );
}

function JoinByCode() {
  const [wrong, setWrong] = useState("");
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const code = parseCode(String(new FormData(event.currentTarget).get("code") ?? ""));
    if (!code || (code.kind !== undefined && code.kind !== KIND))
      return setWrong("That is no code of a table. Paste the code, or the link that somebody sent you.");
    navigate(to(code.id));
  }
  return (
    <form className="join" onSubmit={submit}>
      <div className="row">
        <span className="field">
          <input name="code" placeholder="Code or link of a table" aria-label="Code or link of a table" maxLength={300} />
        </span>
        <button className="btn">Join by code</button>
      </div>
      {wrong && (
        <p className="small dialog__refused" role="alert">
          {wrong}
        </p>
      )}
    </form>
  );
}

function TableRow({ row, me, now }: { row: Row; me: string | undefined; now: number }) {
  const people = peopleAt(row);
  const verb = verbOf(row, me);
  const rests = isAtRest(row);
  const title = row.title || "Table";
  return (
    <li className={`tab tab--${rests ? "asleep" : "live"}`}>
      <Icon name={rests ? "asleep" : "live"} className="dot" />
      <div className="clip">
        <b>{title}</b>
        <br />
        <span className="tiny faint" title={exact(row.updated_at)}>
          {rowWords(row)}
          {rests && `, asleep for ${span(Math.max(1000, now - row.updated_at))}`}
        </span>
      </div>
      <span className="four" role="img" aria-label={`${people} of ${SEATS} seats have people`}>
        {Array.from({ length: SEATS }, (_, seat) => (
          <i key={seat} className={seat < people ? "on" : undefined} />
        ))}
      </span>
      <Link className={verb === "Join" || verb === "Return" ? "btn" : "btn btn--quiet"} to={to(row.id)}>
        {verb}
        <span className="sr"> {title}</span>
      </Link>
    </li>
  );
}
