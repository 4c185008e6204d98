// One table: who sits there before the game, the game itself, and what is left of it.
import { Code } from "@dormouse/client";
import { useActor } from "@dormouse/react";
import { useCallback, useEffect, useState } from "react";
import type { LiapTuiCommand, LiapTuiView } from "../../generated/liap-tui";
import { usePlug, usePrincipal } from "../../live/useClient";
import { useHistory } from "../../live/useHistory";
import { useHostTime } from "../../live/useHostTime";
import { useLine } from "../../live/useLine";
import { TimeBar } from "../../live/TimeBar";
import { refused } from "../../live/words";
import { RoomGone, RoomNotFound, TableClosed } from "../../pages/NoRoom";
import { short } from "../../ui/position";
import { ShareLink } from "../../ui/ShareLink";
import { Icon } from "../../ui/Sprite";
import { Status } from "../../ui/Status";
import { TopBar } from "../../ui/TopBar";
import { Chat } from "./Chat";
import { Ending } from "./Ending";
import { Table } from "./table/Table";
import { Tutorial } from "./Tutorial";
import { useNews } from "./useNews";
import { useSawEnd } from "./useReturn";
import { Waiting } from "./Waiting";
import "./liap.css";

const KIND = "liap-tui";
const NONE: ReadonlySet<number> = new Set();

export default function LiapPage({ id }: { id: string }) {
  const room = useActor(KIND, id);
  const { view, error, position, handle } = room;
  const me = usePrincipal()?.id;
  const line = useLine({ ...room, resumed: room.subscription?.resumed ?? null }, NONE);
  const { now, latency } = useHostTime();
  const over = view?.phase === "game_over";
  // Read once there is something to look back at: a game that goes on shows no history.
  const history = useHistory(handle, position, over && line.tone === "live");
  const [learning, setLearning] = useState(false);
  const title = view?.title || "Table";
  const you = view ? slotOf(view, me) : null;
  const send = useCallback((command: LiapTuiCommand) => handle.send(command), [handle]);
  const sawEnd = useSawEnd(view?.phase);
  useNews(view, me);
  useEffect(() => {
    document.title = `${title}: Dormouse`;
  }, [title]);

  if (error?.code === Code.Gone) return <RoomGone />;
  if (error?.code === Code.NotFound && view) return <TableClosed />;
  if (error && (error.code === Code.NotFound || !view))
    return <RoomNotFound words={error.code === Code.NotFound ? undefined : error.message} />;
  const looking = over ? history.looking : undefined;
  const nameOf = (principal: string) => view?.seats.find((seat) => seat?.principal === principal)?.name;
  const chat = <Chat handle={handle} me={me} nameOf={nameOf} />;
  const watching = view ? room.here.filter((person) => slotOf(view, person.id) === null).length : 0;
  return (
    <>
      <TopBar title={title} parent within={{ title: "Liap Tui", to: `/${KIND}` }}>
        {watching > 0 && <span className="small faint wide">{watching} watching</span>}
        {position && (
          <span className="num tiny faint wide" data-testid="position">
            {short(position)}
          </span>
        )}
        {latency !== undefined && line.tone === "live" && (
          <span className="num tiny faint" title="The way to the host and back" data-testid="latency">
            {latency} ms
          </span>
        )}
        <Status tone={line.tone} spoken />
      </TopBar>
      <main className="table-room">
        <h1 className="sr">{title}</h1>
        <div className="table-room__bar small">
          <ShareLink title={title} />
          <button className="btn--text" onClick={() => setLearning(true)}>
            Rules
          </button>
          <span className="quiet" role="status">
            {line.tone === "offline" ? down(view, you) : line.note}
          </span>
          {view && you !== null && !over && <SeatBack view={view} you={you} send={send} />}
          <Plug />
        </div>
        {view?.phase === "waiting" && (
          <Waiting view={view} you={you} me={me} send={send}>
            {chat}
          </Waiting>
        )}
        {view && over && <Ending {...{ id, view, you, send, sawEnd }} reading={learning} />}
        {view && view.phase !== "waiting" && (
          <Table
            key={looking ? "past" : "now"}
            view={looking?.moment?.view ?? view}
            send={send}
            now={now}
            past={over}
            you={you}
          >
            {chat}
          </Table>
        )}
        {over && (
          <div className="table-room__time">
            <TimeBar history={history} position={position} room="game" commit="move" />
          </div>
        )}
      </main>
      {learning && <Tutorial onClose={() => setLearning(false)} />}
    </>
  );
}

/** What is safe while there is no line, where the badge says only that there is none. */
function down(view: LiapTuiView | undefined, you: number | null): string {
  const isPlaying = view !== undefined && view.phase !== "waiting" && view.phase !== "game_over";
  if (you === null || !isPlaying) return "What you see was true when the line was lost.";
  return "Your seat is kept. A bot plays for you until the line is back.";
}

function slotOf(view: LiapTuiView, principal: string | undefined): number | null {
  const at = view.seats.findIndex((seat) => principal !== undefined && seat?.principal === principal);
  return at < 0 ? null : at + 1;
}

/** Who left the table while it plays has a bot in their seat until they want it back. */
function SeatBack({ view, you, send }: { view: LiapTuiView; you: number; send(command: LiapTuiCommand): Promise<unknown> }) {
  const [wrong, setWrong] = useState("");
  const seat = view.seats[you - 1];
  if (view.phase === "waiting" || !seat) return null;
  const act = (command: LiapTuiCommand) => {
    setWrong("");
    send(command).catch((error: unknown) => setWrong(refused(error)));
  };
  return (
    <>
      {seat.away ? (
        <button className="btn--text" onClick={() => act({ type: "join", name: seat.name })}>
          Take your seat back
        </button>
      ) : (
        <button className="btn--text" onClick={() => act({ type: "leave_room" })}>
          Leave the game to a bot
        </button>
      )}
      {wrong && <span role="alert">{wrong}</span>}
    </>
  );
}

function Plug() {
  const plug = usePlug();
  return (
    <button className="btn--text push" onClick={plug.toggle}>
      <Icon name="plug" className="ico" />
      {plug.pulled ? "Plug back in" : "Pull the plug"}
    </button>
  );
}
