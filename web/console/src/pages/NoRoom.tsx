// Where there is no room: an unknown address, one that this viewer may not see (the host says the same of both), one retired.
import { useEffect, type ReactNode } from "react";
import { GONE } from "../live/words";
import { Link } from "../router";
import { Empty } from "../ui/Empty";
import { TopBar } from "../ui/TopBar";

function Nowhere({ bar, title, children }: { bar: string; title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${bar}: Dormouse`;
  }, [bar]);
  return (
    <>
      <TopBar title={bar} parent />
      <main className="page">
        <Empty
          title={title}
          action={
            <Link className="btn btn--go" to="/">
              See all rooms
            </Link>
          }
        >
          {children}
        </Empty>
      </main>
    </>
  );
}

export const RoomNotFound = ({ words }: { words?: string | undefined }) => (
  <Nowhere bar="No room" title="There is no room here.">
    {words ?? "The code may have a letter too many or too few, or the room is not yours to see."}
  </Nowhere>
);

export const RoomGone = () => (
  <Nowhere bar="Retired" title={GONE}>
    Start another one whenever you need it.
  </Nowhere>
);

/** Somebody saw it a moment ago, so the code was right. */
export const TableClosed = () => (
  <Nowhere bar="Closed" title="This table was closed.">
    Its host left before the game began, or nobody was at it any more.
  </Nowhere>
);

export const PageNotFound = () => (
  <Nowhere bar="No page" title="There is no page here.">
    The address leads nowhere. All rooms are one step away.
  </Nowhere>
);

export const NoPageForKind = ({ kind }: { kind: string }) => (
  <Nowhere bar={kind} title="There is no page for rooms of this kind.">
    If this host has a room of the kind “{kind}” here, this console cannot show it.
  </Nowhere>
);
