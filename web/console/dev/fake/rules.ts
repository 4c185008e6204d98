// The todo rules again, in TypeScript, so that the page can be seen and tested without a host.
import { Code } from "@dormouse/client";
import type { Person } from "../../src/sdk";
import { ITEMS_MAX, TITLE_MAX } from "../../src/apps/todo/words";
import type { Item, TodoCommand, TodoView } from "../../src/generated/todo";

export type TodoEvent =
  | { type: "todo_added"; id: string; title: string; by: Person; at: number }
  | { type: "todo_renamed"; id: string; title: string }
  | { type: "todo_toggled"; id: string }
  | { type: "todo_deleted"; id: string }
  | { type: "completed_cleared" }
  | { type: "list_renamed"; title: string };

export interface State {
  view: TodoView;
  last: number;
}

export const empty = (title: string): State => ({ view: { title, items: {}, pending_count: 0 }, last: 0 });

const REASONS = {
  empty_title: "Write what there is to do.",
  title_too_long: "At most 200 characters, please.",
  list_full: "A list holds 500 things. Clear some that are done.",
  no_such_item: "That one is not on the list any more.",
};

export class Refused extends Error {
  readonly code = Code.Rejected;
  override readonly name = "rejected";
  constructor(readonly reason: keyof typeof REASONS) {
    super(REASONS[reason]);
  }
}

export function decide(state: State, command: TodoCommand, by: Person, at: number): TodoEvent {
  const { items } = state.view;
  const known = (id: string) => {
    if (!items[id]) throw new Refused("no_such_item");
  };
  const title = "title" in command ? command.title.trim() : "";
  if ("title" in command && title === "") throw new Refused("empty_title");
  if ([...title].length > TITLE_MAX) throw new Refused("title_too_long");
  switch (command.type) {
    case "add_todo":
      if (Object.keys(items).length >= ITEMS_MAX) throw new Refused("list_full");
      return { type: "todo_added", id: String(state.last + 1), title, by, at };
    case "update_todo":
      known(command.id);
      return { type: "todo_renamed", id: command.id, title };
    case "toggle_todo":
      known(command.id);
      return { type: "todo_toggled", id: command.id };
    case "delete_todo":
      known(command.id);
      return { type: "todo_deleted", id: command.id };
    case "clear_completed":
      return { type: "completed_cleared" };
    case "rename_list":
      return { type: "list_renamed", title };
  }
}

export function evolve({ view, last }: State, event: TodoEvent): State {
  const next = { title: view.title, items: { ...view.items } };
  const change = (id: string, to: Partial<Item>) => {
    next.items[id] = { ...next.items[id]!, ...to };
  };
  switch (event.type) {
    case "todo_added":
      next.items[event.id] = { title: event.title, done: false, by: event.by, created_at: event.at };
      break;
    case "todo_renamed":
      change(event.id, { title: event.title });
      break;
    case "todo_toggled":
      change(event.id, { done: !next.items[event.id]!.done });
      break;
    case "todo_deleted":
      delete next.items[event.id];
      break;
    case "completed_cleared":
      next.items = Object.fromEntries(Object.entries(next.items).filter(([, item]) => !item.done));
      break;
    case "list_renamed":
      next.title = event.title;
      break;
  }
  const pending_count = Object.values(next.items).filter((item) => !item.done).length;
  return { view: { ...next, pending_count }, last: event.type === "todo_added" ? Number(event.id) : last };
}
