// Read by `npm run check` alone, and never run: the generated types of a kind reach every place of use without a cast.
import { useActor } from "@dormouse/react";
import { expectTypeOf } from "vitest";
import type { TodoCommand, TodoConfig, TodoTypes, TodoView } from "./generated/todo";
import type { Client, Handle } from "./sdk";

export async function ofTheClient(client: Client) {
  const todo = client.actor("todo");
  const list = todo.get("a");
  expectTypeOf(list).toEqualTypeOf<Handle<TodoTypes>>();
  expectTypeOf(todo.create).parameter(0).toEqualTypeOf<TodoConfig | undefined>();
  expectTypeOf(list.send).parameter(0).toEqualTypeOf<TodoCommand>();
  expectTypeOf(list.subscribe().view).toEqualTypeOf<TodoView | undefined>();
  expectTypeOf((await list.at(1)).view).toEqualTypeOf<TodoView>();
  for await (const { view } of list.subscribe()) expectTypeOf(view).toEqualTypeOf<TodoView>();
  for await (const { events } of list.subscribe({ as: "events" }))
    expectTypeOf(events[0]!.event).toEqualTypeOf<TodoTypes["event"]>();

  void list.send({ type: "toggle_todo", id: "1" }, { optimistic: (view) => ({ ...view, title: view.items["1"]!.title }) });
  // @ts-expect-error a command that the rules do not know
  void list.send({ type: "paint_todo", id: "1" });
  // @ts-expect-error a command that lacks its id
  void list.send({ type: "toggle_todo" });
  // @ts-expect-error a config of something else
  void todo.create({ players: 2 });

  const other = client.actor("chess").get("a");
  expectTypeOf(other.subscribe().view).toEqualTypeOf<unknown>();
}

export function ofTheHooks() {
  const { view, send } = useActor("todo", "a");
  expectTypeOf(view).toEqualTypeOf<TodoView | undefined>();
  void send({ type: "add_todo", title: "Eggs" }, { optimistic: (before) => ({ ...before, pending_count: before.pending_count + 1 }) });
  // @ts-expect-error a command that the rules do not know
  void send({ type: "paint_todo", id: "1" });
}
