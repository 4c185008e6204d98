// What the list says.
import type { TodoCommand } from "../../generated/todo";
import { plural } from "../../ui/words";

/** The bounds of the rules, which their schema does not tell. */
export const TITLE_MAX = 200;
export const ITEMS_MAX = 500;

export const UNTITLED = "Todo list";

export function things(count: number, done: number): string {
  if (count === 0) return "Nothing on it yet.";
  return `${plural(count, "thing")}, ${done === count ? "all" : done === 0 ? "none" : done} done.`;
}

/** Before it is sent: why this title would be refused; nothing if it is fine. Counts characters as the rules do. */
export function titleProblem(title: string): string | undefined {
  const length = [...title.trim()].length;
  if (length > TITLE_MAX) return `${length} characters; ${TITLE_MAX} is the most.`;
  return undefined;
}

/** Of a command that the rules refused. */
export function undone(command: TodoCommand): string {
  switch (command.type) {
    case "add_todo":
      return "Not added.";
    case "update_todo":
      return `Not changed to “${command.title}”.`;
    case "toggle_todo":
      return "Not ticked.";
    case "delete_todo":
      return "Not deleted.";
    case "clear_completed":
      return "Not cleared.";
    case "rename_list":
      return `Not renamed to “${command.title}”.`;
  }
}
