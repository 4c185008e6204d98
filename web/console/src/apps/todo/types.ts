// The todo actor, as its rules in apps/todo define it.
import type { Handle, Person } from "../../sdk";

export interface Item { title: string; done: boolean; by: Person; created_at: number }

export interface TodoView { title: string; items: Record<string, Item>; pending_count: number }

export type Command =
  | { type: "add_todo"; title: string }
  | { type: "update_todo"; id: string; title: string }
  | { type: "toggle_todo"; id: string }
  | { type: "delete_todo"; id: string }
  | { type: "clear_completed" }
  | { type: "rename_list"; title: string };

export type TodoHandle = Handle<TodoView, Command>;

export const TITLE_MAX = 200;
export const ITEMS_MAX = 500;
