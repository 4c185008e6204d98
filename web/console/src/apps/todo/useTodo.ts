// One device's look at one list: the room, the commands, what was refused.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Accepted, Restored } from "@dormouse/client";
import { useActor, useClient } from "@dormouse/react";
import type { Item, TodoCommand, TodoTypes, TodoView } from "../../generated/todo";
import type { Handle, Person } from "../../sdk";
import { usePrincipal } from "../../live/useClient";
import { useLine } from "../../live/useLine";
import { usePresence, useTyping } from "../../live/usePresence";
import { isUnknown, refused as inWords } from "../../live/words";
import { place } from "../../ui/position";
import { type Change, overlayOf, preview, waitingId } from "./reduce";
import { arrived, type Refused, rows } from "./rows";
import { undone } from "./words";

/** How long a refused row stays to be read, and a new one keeps its wash. */
const REFUSED_STAYS = 8000;
const WASH_STAYS = 2000;

export type Run = (command: TodoCommand) => Promise<{ position: string } | undefined>;

export function useTodo(id: string, remembered?: string) {
  const actor = useActor("todo", id);
  const { handle, subscription, status, position, pending, here, error } = actor;
  const principal = usePrincipal();
  const view = actor.view ?? null;
  const confirmed = subscription?.confirmed ?? null;
  const resumed = subscription?.resumed ?? null;
  const { run, refusals, own, open } = useCommands(handle, view);
  const line = useLine({ status, position, resumed }, own, remembered);
  const { typing, say } = useTyping(handle, principal?.id);
  const people = usePresence(here, typing);
  const seen = useMemo(() => view ?? preview(open, principal ?? YOU), [view, open, principal]);
  const list = useMemo(() => rows(seen, confirmed, refusals), [seen, confirmed, refusals]);
  const unplaced = refusals.filter((refused) => !list.some((row) => row.refused === refused));
  const fresh = useFresh(confirmed, principal?.id);
  return { handle, principal, view, position, pending, resumed, error, list, unplaced, fresh, line, people, typing, say, run };
}

const YOU: Person = { id: "", name: "You" };

/** What this device asked for: here, or in a page before a reload. */
function useCommands(handle: Handle<TodoTypes>, view: TodoView | null) {
  const client = useClient();
  const [refusals, setRefusals] = useState<readonly Refused[]>([]);
  const [own, setOwn] = useState<ReadonlySet<number>>(new Set());
  const [open, setOpen] = useState<readonly Change[]>([]);
  const latest = useRef(view);
  latest.current = view;

  const me = useCallback((): Person => client.principal ?? YOU, [client]);
  const follow = useCallback(
    async (change: Change, sending: Promise<Accepted>) => {
      const before = latest.current;
      setOpen((old) => [...old, change]);
      try {
        const answer = await sending;
        setOwn((old) => new Set(old).add(place(answer.position).seq));
        return answer;
      } catch (error) {
        const entry = refusal(change, me(), before ?? latest.current, said(change.command, error));
        setRefusals((old) => [...old.filter((r) => r.id !== entry.id), entry]);
        setTimeout(() => setRefusals((old) => old.filter((r) => r !== entry)), REFUSED_STAYS);
        return undefined;
      } finally {
        setOpen((old) => old.filter((other) => other !== change));
      }
    },
    [me],
  );
  const run: Run = useCallback(
    (command) => {
      const change: Change = { id: waitingId(), command, sent: false };
      return follow(change, handle.send(command, { optimistic: overlayOf(change, me) }));
    },
    [follow, handle, me],
  );
  const restored = useCallback(
    ({ command, sent, answer }: Restored<TodoCommand>) => {
      const change: Change = { id: waitingId(), command, sent };
      void follow(change, answer);
      return { optimistic: overlayOf(change, me) };
    },
    [follow, me],
  );
  useEffect(() => handle.onRestored(restored), [handle, restored]);
  return { run, refusals, own, open };
}

/** Of what may have happened it is not said that it did not. */
const said = (command: TodoCommand, error: unknown): string =>
  isUnknown(error) ? inWords(error) : `${undone(command)} ${inWords(error)}`;

let keys = 0;

/** Where a refusal stands: on its row, or for what has no row above the field. */
function refusal({ id, command }: Change, by: Person, before: TodoView | null, words: string): Refused {
  const key = ++keys;
  if (command.type === "add_todo") {
    const item: Item = { title: command.title, done: false, by, created_at: Date.now() };
    return { key, id, item, typed: command.title, words };
  }
  if (!("id" in command)) return { key, id, item: undefined, words };
  const typed = command.type === "update_todo" ? { typed: command.title } : {};
  return { key, id: command.id, item: before?.items[command.id], ...typed, words };
}

/** The rows that came from others within the last two seconds. */
function useFresh(confirmed: TodoView | null, me: string | undefined): ReadonlySet<string> {
  const [before, setBefore] = useState(confirmed);
  const [until, setUntil] = useState<ReadonlyMap<string, number>>(new Map());
  // Within the render, not after it: views may come faster than React lets effects set a state.
  if (confirmed !== before) {
    const ids = arrived(before, confirmed, me);
    setBefore(confirmed);
    if (ids.length > 0) setUntil(new Map([...until, ...ids.map((id) => [id, Date.now() + WASH_STAYS] as const)]));
  }
  // One timer for the next one that dries.
  useEffect(() => {
    if (until.size === 0) return;
    const dry = () => setUntil((old) => new Map([...old].filter(([, at]) => at > Date.now())));
    const timer = setTimeout(dry, Math.max(0, Math.min(...until.values()) - Date.now()) + 20);
    return () => clearTimeout(timer);
  }, [until]);
  return useMemo(() => new Set(until.keys()), [until]);
}

/**
 * Deleted things come back as new ones: history is not undone, it goes on. A thing that was done is ticked again,
 * by the id that its own event gives.
 */
export async function bringBack(handle: Handle<TodoTypes>, run: Run, items: readonly Item[]): Promise<void> {
  for (const item of items) {
    const added = await run({ type: "add_todo", title: item.title });
    if (!added || !item.done) continue;
    const page = await handle.events({ afterSeq: place(added.position).seq - 1, limit: 1 });
    const id = addedIn(page.events[0]?.event);
    if (id !== undefined) await run({ type: "toggle_todo", id });
  }
}

/** What the rules reveal has no schema, so it is read with care. */
function addedIn(event: unknown): string | undefined {
  const { type, id } = (event ?? {}) as { type?: unknown; id?: unknown };
  return type === "todo_added" && typeof id === "string" ? id : undefined;
}
