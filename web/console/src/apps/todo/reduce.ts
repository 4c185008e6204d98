// What a command will do to the view, before the host says so. The SDK runs these over every newer confirmed view,
// so each takes the view as it is by then: an item that is gone stays gone, and the rules will refuse the command. A view
// may have the command already, because it can arrive before the answer; doing it once more must then change nothing.
import type { Item, TodoCommand, TodoView } from "../../generated/todo";
import type { Person } from "../../sdk";

/** Items that the host has not numbered yet: `~1`, `~2` … in the order in which they were added here. */
const WAITING = "~";

let waiting = 0;
export const waitingId = (): string => `${WAITING}${++waiting}`;
export const isWaitingId = (id: string): boolean => id.startsWith(WAITING);

/** In the order of creation; those without a number stand last. */
export function byCreation(a: string, b: string): number {
  if (isWaitingId(a) !== isWaitingId(b)) return isWaitingId(a) ? 1 : -1;
  const number = (id: string) => Number(isWaitingId(id) ? id.slice(WAITING.length) : id);
  return number(a) - number(b);
}

/** A command under way. The host may have it already if an earlier page sent it and heard no answer. */
export interface Change {
  /** Under which a new thing stands until it has a number. */
  id: string;
  command: TodoCommand;
  sent: boolean;
}

/** What was true in the first view that the command was laid over, so that it can be recognised in a later one. */
export interface Draft {
  id: string;
  by: Person;
  at: number;
  /** The items that were there. */
  known: ReadonlySet<string>;
  /** How many things of this title wait here, this one included: the same word twice is two things. */
  nth: number;
  /** What a toggle makes of its item. */
  done: boolean;
}

export function draftOf(view: TodoView, { id, command, sent }: Change, by: Person): Draft {
  const twins =
    command.type === "add_todo"
      ? Object.entries(view.items).filter(([id, item]) => isWaitingId(id) && item.title === command.title.trim()).length
      : 0;
  const done = command.type === "toggle_todo" && Boolean(view.items[command.id]?.done) === sent;
  // What may be done already must not look as if it were done twice.
  return { id, by, at: Date.now(), known: new Set(sent ? [] : Object.keys(view.items)), nth: twins + 1, done };
}

/** Lays the change over whatever view there is by then; before there is one, nobody need have said who we are. */
export function overlayOf(change: Change, me: () => Person): (view: TodoView) => TodoView {
  let draft: Draft | undefined;
  return (view) => reduce(view, change.command, (draft ??= draftOf(view, change, me())));
}

const NOTHING: TodoView = { title: "", items: {}, pending_count: 0 };

/** As much of the list as is known before its first view: what is on its way to it. */
export const preview = (changes: readonly Change[], me: Person): TodoView =>
  changes.reduce((view, change) => reduce(view, change.command, draftOf(view, change, me)), NOTHING);

export function reduce(view: TodoView, command: TodoCommand, draft: Draft): TodoView {
  switch (command.type) {
    case "add_todo":
      return add(view, command.title.trim(), draft);
    case "update_todo":
      return change(view, command.id, (item) => ({ ...item, title: command.title.trim() }));
    case "toggle_todo":
      return change(view, command.id, (item) => ({ ...item, done: draft.done }));
    case "delete_todo":
      return keep(view, (id) => id !== command.id);
    case "clear_completed":
      return keep(view, (_, item) => !item.done);
    case "rename_list":
      return { ...view, title: command.title.trim() };
  }
}

function add(view: TodoView, title: string, draft: Draft): TodoView {
  const arrived = Object.entries(view.items).filter(
    ([id, item]) => !isWaitingId(id) && !draft.known.has(id) && item.by.id === draft.by.id && item.title === title,
  );
  if (arrived.length >= draft.nth) return view;
  const item: Item = { title, done: false, by: draft.by, created_at: draft.at };
  return counted({ ...view, items: { ...view.items, [draft.id]: item } });
}

function change(view: TodoView, id: string, to: (item: Item) => Item): TodoView {
  const item = view.items[id];
  return item ? counted({ ...view, items: { ...view.items, [id]: to(item) } }) : view;
}

function keep(view: TodoView, test: (id: string, item: Item) => boolean): TodoView {
  return counted({
    ...view,
    items: Object.fromEntries(Object.entries(view.items).filter(([id, item]) => test(id, item))),
  });
}

const counted = (view: TodoView): TodoView => ({
  ...view,
  pending_count: Object.values(view.items).filter((item) => !item.done).length,
});
