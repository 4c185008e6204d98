// The plate of one device: the list as it is seen there, and its own line to the host.
import { type ReactNode, useCallback, useMemo, useRef, useState } from "react";
import type { Item, TodoView } from "../../generated/todo";
import { usePlug } from "../../live/useClient";
import type { Looking } from "../../live/useHistory";
import { offline } from "../../live/words";
import { waitingIn } from "../../sdk";
import { short } from "../../ui/position";
import { Status } from "../../ui/Status";
import { Icon } from "../../ui/Sprite";
import { ago, moment } from "../../ui/time";
import { useNow } from "../../ui/useNow";
import { useToast } from "../../ui/Toast";
import type { SeatBook } from "../../ui/seats";
import { AddField } from "./AddField";
import { Items } from "./Items";
import type { RowActions } from "./ItemRow";
import { rows } from "./rows";
import { bringBack, type useTodo } from "./useTodo";

type Room = ReturnType<typeof useTodo>;

type Past = Looking<TodoView> & { at: number };

interface Props {
  room: Room;
  seats: SeatBook;
  name: string;
  about: string;
  looking?: Past | undefined;
  onNow?(): void;
  children?: ReactNode;
}

export function Device({ room, seats, name, about, looking, onNow, children }: Props) {
  const { line, position } = room;
  const plug = usePlug();
  const [text, setText] = useState("");
  const body = useRef<HTMLElement>(null);
  const actions = useActions(room, body, setText);
  const seen = looking?.moment;
  const list = looking ? (seen ? rows(seen.view, seen.view, []) : room.list) : room.list;
  const down = line.tone === "offline";

  return (
    <section ref={body} className={`plate device${down ? " device--down" : ""}`} aria-label={name}>
      <header>
        <div>
          <h2>{name}</h2>
          <p className={`tiny ${line.note ? "quiet" : "faint"}`} aria-live="polite">
            {note(looking, down, line.note) || about}
          </p>
        </div>
        <span className="push row">
          {looking ? (
            <Status
              tone="replaying"
              words={`Looking at ${seen ? short(seen.position) : `commit ${looking.seq}`}`}
              spoken
            />
          ) : (
            <Status tone={line.tone} {...(down && { words: offline(waitingIn(room.pending)) })} spoken />
          )}
          {children}
        </span>
      </header>
      <Items
        list={list}
        fresh={looking ? NONE : room.fresh}
        seats={seats}
        readOnly={looking !== undefined}
        ready={room.view !== null}
        typing={looking ? NOBODY : room.typing}
        actions={actions}
      />
      {looking ? (
        <p className="past small quiet">
          This is how the list was.{" "}
          <button className="btn--text" onClick={onNow}>
            Go back to now
          </button>{" "}
          to change it.
        </p>
      ) : (
        <>
          {room.unplaced.map(({ key, words }) => (
            <p key={key} className="item__refused item__refused--lone small" role="alert">
              <Icon name="offline" />
              <span>{words}</span>
            </p>
          ))}
          <AddField
            text={text}
            gold={!plug.pulled}
            onText={setText}
            onAdd={(title) => void room.run({ type: "add_todo", title })}
            typing={room.say}
          />
        </>
      )}
      <footer>
        <Heard position={position} down={down} at={line.heardAt} />
        <button className={`btn push${plug.pulled && !looking ? " btn--go" : ""}`} onClick={plug.toggle}>
          <Icon name="plug" className="ico" />
          {plug.pulled ? "Plug back in" : "Pull the plug"}
        </button>
      </footer>
    </section>
  );
}

const NONE: ReadonlySet<string> = new Set();
const NOBODY: ReadonlyMap<string, string> = new Map();

function note(looking: Past | undefined, down: boolean, caught: string): string {
  if (looking?.failed) return "The past comes over the line too; this place could not be read.";
  if (looking) return `As it was ${moment(looking.at, Date.now())}`;
  return down ? "Everything here is kept until the line is back" : caught;
}

function Heard({ position, down, at }: { position: string | null; down: boolean; at: number }) {
  const now = useNow(down ? 1000 : 60_000);
  if (position === null) return <span className="small quiet" />;
  const where = <span data-testid="position">{short(position)}</span>;
  return down ? (
    <span className="small quiet">
      Last heard at {where}, {ago(at, now)}
    </span>
  ) : (
    <span className="small quiet">At {where}</span>
  );
}

/** What a row may ask for. Deleting carries its way back, and the keyboard goes on to the next row. */
function useActions(
  room: Room,
  body: React.RefObject<HTMLElement | null>,
  putBack: (text: string) => void,
): RowActions {
  const toast = useToast();
  const { run, handle, say } = room;
  return useMemo(
    () => ({
      toggle: (id) => void run({ type: "toggle_todo", id }),
      update: (id, title) => void run({ type: "update_todo", id, title }),
      remove({ id, item }) {
        focusNext(body.current, id);
        void run({ type: "delete_todo", id });
        toast(`Deleted “${item.title}”.`, () => void bringBack(handle, run, [item]));
      },
      putBack(text) {
        putBack(text);
        body.current?.querySelector<HTMLElement>(".add input")?.focus();
      },
      typing: say,
    }),
    [run, handle, toast, say, body, putBack],
  );
}

/** Clears what is done, with the way back. */
export function useClear({ run, handle }: Room): (done: readonly Item[]) => void {
  const toast = useToast();
  return useCallback(
    (done) => {
      void run({ type: "clear_completed" });
      toast(`Cleared ${done.length} done.`, () => void bringBack(handle, run, done));
    },
    [run, handle, toast],
  );
}

function focusNext(plate: HTMLElement | null, id: string) {
  const ticks = [...(plate?.querySelectorAll<HTMLElement>("[data-id] .tick") ?? [])];
  const at = ticks.findIndex((tick) => tick.closest<HTMLElement>("[data-id]")?.dataset.id === id);
  const next = ticks[at + 1] ?? ticks[at - 1] ?? plate?.querySelector<HTMLElement>(".add input");
  next?.focus();
}
