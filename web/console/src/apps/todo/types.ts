// The todo actor, as its rules in apps/todo define it.
import type { Handle, Person } from "../../sdk";

export interface Item {
  title: string;
  done: boolean;
  by: Person;
  created_at: number;
}

export interface TodoView {
  title: string;
  items: Record<string, Item>;
  pending_count: number;
}

export type Command =
  | { type: "add_todo"; title: string }
  | { type: "update_todo"; id: string; title: string }
  | { type: "toggle_todo"; id: string }
  | { type: "delete_todo"; id: string }
  | { type: "clear_completed" }
  | { type: "rename_list"; title: string };

/** What the journal reveals; the console reads only the first. */
export type TodoEvent =
  | { type: "todo_added"; id: string; title: string; by: Person }
  | { type: "todo_renamed" | "todo_toggled" | "todo_deleted" | "completed_cleared" | "list_renamed" };

export interface TodoTypes {
  config: { title?: string };
  command: Command;
  event: TodoEvent;
  view: TodoView;
}

export type TodoHandle = Handle<TodoTypes>;

export const TITLE_MAX = 200;
export const ITEMS_MAX = 500;
