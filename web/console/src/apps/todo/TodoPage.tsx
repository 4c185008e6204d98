// A shared list: this device's plate, who is here, and the history; on wide screens a second device beside it.
import { Code } from "@dormouse/client";
import { DormouseProvider } from "@dormouse/react";
import { useEffect, useMemo, useState } from "react";
import type { TodoView } from "../../generated/todo";
import { TimeBar } from "../../live/TimeBar";
import { useHistory } from "../../live/useHistory";
import type { Presence } from "../../live/usePresence";
import { useSeats } from "../../live/useSeats";
import { RoomGone, RoomNotFound } from "../../pages/NoRoom";
import type { Client } from "../../sdk";
import { secondClient, useSession } from "../../session";
import { Dialog, TextField } from "../../ui/Dialog";
import { Empty } from "../../ui/Empty";
import { NameDialog } from "../../ui/NameDialog";
import { People, type PersonLine } from "../../ui/People";
import type { SeatBook } from "../../ui/seats";
import { ShareLink } from "../../ui/ShareLink";
import { Icon } from "../../ui/Sprite";
import { Status } from "../../ui/Status";
import { ago } from "../../ui/time";
import { TopBar } from "../../ui/TopBar";
import { Device, useClear } from "./Device";
import { byCreation } from "./reduce";
import { useTodo } from "./useTodo";
import { things, TITLE_MAX, UNTITLED } from "./words";
import "./todo.css";

type Room = ReturnType<typeof useTodo>;
type Asking = "name" | "title" | undefined;

export default function TodoPage({ id }: { id: string }) {
  const { client, name } = useSession();
  const room = useTodo(id, `dormouse.seen.todo/${id}`);
  const { view, line, principal, position, error } = room;
  const seats = useSeats(
    `todo/${id}`,
    useMemo(() => inOrder(view, room.people, principal?.id), [view, room.people, principal?.id]),
  );
  const history = useHistory(room.handle, position, line.tone === "live");
  const [second, setSecond] = useState(false);
  const [asking, setAsking] = useState<Asking>();
  const title = view?.title || UNTITLED;
  useEffect(() => {
    document.title = `${view ? title : "List"}: Dormouse`;
  }, [title, view]);

  // Said when one comes too late, or to everybody who is in it.
  if (error?.code === Code.Gone) return <RoomGone />;
  if (error && (error.code === Code.NotFound || !view))
    return <RoomNotFound words={error.code === Code.NotFound ? undefined : error.message} />;
  return (
    <>
      <TopBar title={view ? title : "List"} parent>
        <Status tone={line.tone} />
      </TopBar>
      <main className="todo">
        <div className="head">
          <Heading room={room} title={title} past={history.looking !== undefined} ask={setAsking} />
          <People people={people(room, seats, name, () => setAsking("name"))} />
        </div>
        <div className="devices">
          <Device
            room={room}
            seats={seats}
            name="This device"
            about="Changes go out as you make them"
            looking={history.looking && { ...history.looking, at: history.axis.at(history.looking.seq) }}
            onNow={history.now}
          />
          {second ? (
            <SecondDevice id={id} seats={seats} onClose={() => setSecond(false)} />
          ) : (
            view && <Invitation onShow={() => setSecond(true)} />
          )}
        </div>
        <TimeBar history={history} position={position} room="list" commit="change" />
      </main>
      {asking === "name" && (
        <NameDialog name={name ?? ""} waiting={client.waiting} onClose={() => setAsking(undefined)} />
      )}
      {asking === "title" && <TitleDialog room={room} onClose={() => setAsking(undefined)} />}
    </>
  );
}

function Heading({ room, title, past, ask }: { room: Room; title: string; past: boolean; ask(what: Asking): void }) {
  const clear = useClear(room);
  if (!room.view) return <h1 className="sr">List</h1>;
  const items = Object.values(room.view.items);
  const done = items.filter((item) => item.done);
  return (
    <div>
      <h1>{title}</h1>
      <p className="quiet small head__line">
        <span>
          {things(items.length, done.length)}
          <span className="wide"> Every guest of this host can find it and change it.</span>
        </span>
        {done.length > 0 && !past && (
          <button className="btn--text" onClick={() => clear(done)}>
            Clear {done.length} done
          </button>
        )}
        <ShareLink title={title} />
        <button className="btn--text" onClick={() => ask("title")}>
          Rename
        </button>
      </p>
    </div>
  );
}

function TitleDialog({ room, onClose }: { room: Room; onClose(): void }) {
  return (
    <Dialog
      title="Rename this list"
      action="Rename"
      onClose={onClose}
      onSubmit={(form) => {
        const title = String(form.get("title") ?? "").trim();
        if (title === "") return "It needs at least one letter.";
        void room.run({ type: "rename_list", title });
      }}
    >
      <TextField label="Name of the list" name="title" value={room.view?.title ?? ""} maxLength={TITLE_MAX} />
    </Dialog>
  );
}

function Invitation({ onShow }: { onShow(): void }) {
  return (
    <div className="invitation">
      <Empty
        action={
          <button className="btn" onClick={onShow}>
            Show a second device
          </button>
        }
      >
        See both sides of the line: the same list beside this one, opened by another guest.
      </Empty>
    </div>
  );
}

function SecondDevice({ id, seats, onClose }: { id: string; seats: SeatBook; onClose(): void }) {
  const [client, setClient] = useState<Client>();
  useEffect(() => {
    const mine = secondClient();
    setClient(mine);
    return () => mine.close();
  }, []);
  return client ? (
    <DormouseProvider client={client}>
      <SecondPlate id={id} seats={seats} onClose={onClose} />
    </DormouseProvider>
  ) : (
    <div />
  );
}

function SecondPlate({ id, seats, onClose }: { id: string; seats: SeatBook; onClose(): void }) {
  const room = useTodo(id);
  return (
    <Device room={room} seats={seats} name="Second device" about="The same list, seen by another guest">
      <button className="btn btn--quiet btn--icon" onClick={onClose} aria-label="Put the second device away">
        <Icon name="x" className="ico" />
      </button>
    </Device>
  );
}

/** Seats are taken in the order of the list, then by whoever is here: two devices come to the same. */
function inOrder(view: TodoView | null, here: readonly Presence[], me: string | undefined): string[] {
  const makers = view
    ? Object.keys(view.items)
        .sort(byCreation)
        .map((key) => view.items[key]!.by.id)
    : [];
  return [...new Set([...makers, ...here.map((p) => p.id).sort(), ...(me ? [me] : [])])].filter(Boolean);
}

function people(
  { people: others, principal, line }: Room,
  seats: SeatBook,
  name: string | undefined,
  onPress: () => void,
): PersonLine[] {
  const down = line.tone !== "live";
  const me: PersonLine[] = principal
    ? [
        {
          id: principal.id,
          name: name ?? principal.name,
          seat: seats[principal.id] ?? 8,
          words: down ? "offline" : name ? "here" : "add your name",
          away: false,
          onPress,
        },
      ]
    : [];
  const rest = others
    .filter((p) => p.id !== principal?.id)
    .map((p): PersonLine => ({
      id: p.id,
      name: p.name,
      seat: seats[p.id] ?? 8,
      away: p.state === "left" || down,
      words: words(p, down),
    }));
  return [...rest, ...me];
}

function words(person: Presence, down: boolean): string {
  if (person.state === "left") return `left ${ago(person.leftAt ?? Date.now(), Date.now())}`;
  return down ? "was here" : person.state;
}
