// One device's look at one list: the room, the commands, what was refused.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useActor } from "@dormouse/react";
import type { Item, TodoCommand, TodoTypes, TodoView } from "../../generated/todo";
import type { Handle, Person } from "../../sdk";
import { usePrincipal } from "../../live/useClient";
import { useLine } from "../../live/useLine";
import { usePresence, useTyping } from "../../live/usePresence";
import { refused as inWords } from "../../live/words";
import { place } from "../../ui/position";
import { draftOf, type Draft, reduce } from "./reduce";
import { arrived, type Refused, rows } from "./rows";

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
  const { run, refusals, own } = useCommands(handle, view, principal);
  const line = useLine({ status, position, resumed }, own, remembered);
  const { typing, say } = useTyping(handle, principal?.id);
  const people = usePresence(here, typing);
  const list = useMemo(() => (view ? rows(view, confirmed ?? view, refusals) : []), [view, confirmed, refusals]);
  const fresh = useFresh(confirmed, principal?.id);
  return { handle, principal, view, position, pending, resumed, error, list, fresh, line, people, typing, say, run };
}

function useCommands(handle: Handle<TodoTypes>, view: TodoView | null, principal: Person | null) {
  const [refusals, setRefusals] = useState<readonly Refused[]>([]);
  const [own, setOwn] = useState<ReadonlySet<number>>(new Set());
  const latest = useRef({ view, principal });
  latest.current = { view, principal };

  const run: Run = useCallback(
    async (command) => {
      const before = latest.current.view;
      const draft = draftOf(before, command, latest.current.principal ?? { id: "", name: "You" });
      try {
        const answer = await handle.send(command, { optimistic: (now) => reduce(now, command, draft) });
        setOwn((old) => new Set(old).add(place(answer.position).seq));
        return answer;
      } catch (error) {
        const entry = refusal(command, draft, before, inWords(error));
        setRefusals((old) => [...old.filter((r) => r.id !== entry.id), entry]);
        setTimeout(() => setRefusals((old) => old.filter((r) => r !== entry)), REFUSED_STAYS);
        return undefined;
      }
    },
    [handle],
  );
  return { run, refusals, own };
}

let keys = 0;

/** Where a refusal stands: on its row, or for what has no row (`""`) above the field. */
function refusal(command: TodoCommand, draft: Draft, before: TodoView | null, words: string): Refused {
  const key = ++keys;
  if (command.type === "add_todo") {
    const item: Item = { title: command.title, done: false, by: draft.by, created_at: draft.at };
    return { key, id: draft.id, item, typed: command.title, words: `Not added. ${words}` };
  }
  if (command.type === "clear_completed" || command.type === "rename_list")
    return { key, id: "", item: undefined, words };
  const item = before?.items[command.id];
  if (command.type === "update_todo")
    return { key, id: command.id, item, typed: command.title, words: `Not changed to “${command.title}”. ${words}` };
  return {
    key,
    id: command.id,
    item,
    words: `${command.type === "delete_todo" ? "Not deleted" : "Not ticked"}. ${words}`,
  };
}

/** The rows that came from others within the last two seconds. */
function useFresh(confirmed: TodoView | null, me: string | undefined): ReadonlySet<string> {
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  const before = useRef<TodoView | null>(null);
  const timers = useRef(new Set<ReturnType<typeof setTimeout>>());
  useEffect(() => {
    const ids = arrived(before.current, confirmed, me);
    before.current = confirmed;
    if (ids.length === 0) return;
    setFresh((old) => new Set([...old, ...ids]));
    const timer = setTimeout(() => {
      timers.current.delete(timer);
      setFresh((old) => new Set([...old].filter((id) => !ids.includes(id))));
    }, WASH_STAYS);
    timers.current.add(timer);
  }, [confirmed, me]);
  useEffect(() => () => timers.current.forEach(clearTimeout), []);
  return fresh;
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
