import { describe, expect, it } from "vitest";
import type { Item, TodoCommand, TodoView } from "../../generated/todo";
import { byCreation, type Change, type Draft, draftOf, isWaitingId, overlayOf, preview, reduce, waitingId } from "./reduce";
import { arrived, type Refused, rows } from "./rows";
import { things, titleProblem } from "./words";

const ANA = { id: "ana", name: "Ana" };
const ME = { id: "me", name: "Yuki" };

const item = (title: string, more: Partial<Item> = {}): Item => ({
  title,
  done: false,
  by: ANA,
  created_at: 1,
  ...more,
});
const view = (items: Record<string, Item>, title = "Market"): TodoView => ({
  title,
  items,
  pending_count: Object.values(items).filter((i) => !i.done).length,
});
const base = view({ "1": item("Eggs"), "2": item("Salt", { done: true }) });

const changeOf = (command: TodoCommand, sent = false): Change => ({ id: waitingId(), command, sent });

function once(from: TodoView, command: TodoCommand): { draft: Draft; after: TodoView } {
  const draft = draftOf(from, changeOf(command), ME);
  return { draft, after: reduce(from, command, draft) };
}

describe("what a command will do", () => {
  it("adds at the end, under a name of its own until the host gives a number", () => {
    const { draft, after } = once(base, { type: "add_todo", title: "  Tape " });
    expect(isWaitingId(draft.id)).toBe(true);
    expect(after.items[draft.id]).toMatchObject({ title: "Tape", done: false, by: ME });
    expect(after.pending_count).toBe(2);
    expect(Object.keys(after.items).sort(byCreation).at(-1)).toBe(draft.id);
    expect(base.items[draft.id]).toBeUndefined();
  });

  it("changes the text", () =>
    expect(once(base, { type: "update_todo", id: "1", title: " Six eggs" }).after.items["1"]!.title).toBe("Six eggs"));

  it("ticks and unticks", () => {
    expect(once(base, { type: "toggle_todo", id: "1" }).after).toMatchObject({
      items: { "1": { done: true } },
      pending_count: 0,
    });
    expect(once(base, { type: "toggle_todo", id: "2" }).after).toMatchObject({
      items: { "2": { done: false } },
      pending_count: 2,
    });
  });

  it("deletes", () => expect(Object.keys(once(base, { type: "delete_todo", id: "1" }).after.items)).toEqual(["2"]));

  it("clears what is done", () =>
    expect(Object.keys(once(base, { type: "clear_completed" }).after.items)).toEqual(["1"]));

  it("renames the list", () => expect(once(base, { type: "rename_list", title: " Fair " }).after.title).toBe("Fair"));

  it.each<TodoCommand>([
    { type: "update_todo", id: "9", title: "x" },
    { type: "toggle_todo", id: "9" },
  ])("leaves an item that is gone gone: $type", (command) => {
    expect(once(base, command).after.items).toEqual(base.items);
  });

  it.each<TodoCommand>([
    { type: "update_todo", id: "1", title: "Six eggs" },
    { type: "toggle_todo", id: "1" },
    { type: "delete_todo", id: "1" },
    { type: "clear_completed" },
    { type: "rename_list", title: "Fair" },
  ])("changes nothing when the view has it already: $type", (command) => {
    const { draft, after } = once(base, command);
    expect(reduce(after, command, draft)).toEqual(after);
  });

  it("does not show a new thing twice when the view is faster than the answer", () => {
    const command: TodoCommand = { type: "add_todo", title: "Tape" };
    const { draft } = once(base, command);
    const confirmed = view({ ...base.items, "3": item("Tape", { by: ME }) });
    expect(Object.keys(reduce(confirmed, command, draft).items)).toEqual(["1", "2", "3"]);
    // The same words by somebody else are another thing.
    const other = view({ ...base.items, "3": item("Tape") });
    expect(Object.keys(reduce(other, command, draft).items)).toHaveLength(4);
  });

  it("keeps the same words twice as two things", () => {
    const command: TodoCommand = { type: "add_todo", title: "Tape" };
    const first = once(base, command);
    const second = once(first.after, command);
    const confirmed = view({ ...base.items, "3": item("Tape", { by: ME }) });
    const shown = reduce(reduce(confirmed, command, first.draft), command, second.draft);
    expect(Object.values(shown.items).filter((i) => i.title === "Tape")).toHaveLength(2);
  });
});

describe("a change from before a reload", () => {
  const show = (from: TodoView, change: Change) => overlayOf(change, () => ME)(from);
  const eggs: TodoCommand = { type: "add_todo", title: "Eggs" };
  const mine = view({ "1": item("Eggs", { by: ME }), "2": item("Salt", { done: true }) });

  it("that nobody has is laid over the first view, twins and all", () => {
    const [one, two] = [changeOf(eggs), changeOf(eggs)].map((change) => overlayOf(change, () => ME));
    expect(Object.values(two!(one!(mine)).items).map((it) => it.title)).toEqual(["Eggs", "Salt", "Eggs", "Eggs"]);
    // The first of them has its number now.
    const confirmed = view({ ...mine.items, "3": item("Eggs", { by: ME }) });
    expect(Object.values(two!(one!(confirmed)).items)).toHaveLength(4);
    expect(show(mine, changeOf({ type: "toggle_todo", id: "2" })).items["2"]!.done).toBe(false);
  });

  it("that the host may have does not look as if it were done twice", () => {
    expect(Object.keys(show(mine, changeOf(eggs, true)).items)).toEqual(["1", "2"]);
    expect(Object.keys(show(base, changeOf(eggs, true)).items)).toHaveLength(3);
    for (const id of ["1", "2"]) expect(show(mine, changeOf({ type: "toggle_todo", id }, true)).items).toEqual(mine.items);
  });

  it("is all there is to see before the first view", () => {
    const changes = [changeOf(eggs, true), changeOf({ type: "toggle_todo", id: "7" }), changeOf(eggs)];
    const list = rows(preview(changes, ME), null, []);
    expect(list.map((row) => [row.item.title, row.waiting])).toEqual([
      ["Eggs", true],
      ["Eggs", true],
    ]);
    expect(list[0]!.id).toBe(changes[0]!.id);
  });
});

describe("the order", () => {
  it("is that of creation: by number, and what waits stands last", () => {
    expect(["~2", "10", "9", "~1", "1"].sort(byCreation)).toEqual(["1", "9", "10", "~1", "~2"]);
  });
});

describe("the rows", () => {
  it("say what waits", () => {
    const shown = view({ "1": item("Six eggs"), "2": base.items["2"]!, "~1": item("Tape", { by: ME }) });
    expect(rows(shown, base, []).map((row) => [row.id, row.waiting])).toEqual([
      ["1", true],
      ["2", false],
      ["~1", true],
    ]);
  });

  it("keep a refused thing where it was tried, also when its row is gone", () => {
    const gone: Refused = { key: 1, id: "1", item: item("Eggs"), words: "Not ticked." };
    const here: Refused = { key: 2, id: "2", item: item("Salt"), words: "Not changed." };
    const added: Refused = { key: 3, id: "~9", item: item("Tape", { by: ME }), typed: "Tape", words: "Not added." };
    const left = view({ "2": base.items["2"]! });
    expect(rows(left, left, [gone, here, added]).map((row) => [row.id, row.ghost, row.refused?.words])).toEqual([
      ["1", true, "Not ticked."],
      ["2", false, "Not changed."],
      ["~9", true, "Not added."],
    ]);
  });

  it("wash what others brought, not what I did, and nothing on the first look", () => {
    const after = view({ ...base.items, "3": item("Box"), "4": item("Tape", { by: ME }) });
    expect(arrived(base, after, "me")).toEqual(["3"]);
    expect(arrived(null, after, "me")).toEqual([]);
    expect(arrived(after, after, "me")).toEqual([]);
  });
});

describe("words", () => {
  it("count things", () => {
    expect([things(0, 0), things(1, 0), things(8, 3), things(2, 2)]).toEqual([
      "Nothing on it yet.",
      "1 thing, none done.",
      "8 things, 3 done.",
      "2 things, all done.",
    ]);
  });

  it("warn before the rules would refuse, counting characters and not code units", () => {
    expect(titleProblem("x".repeat(200))).toBeUndefined();
    expect(titleProblem("🧺".repeat(200))).toBeUndefined();
    expect(titleProblem(`  ${"x".repeat(200)}  `)).toBeUndefined();
    expect(titleProblem("x".repeat(214))).toBe("214 characters; 200 is the most.");
  });
});
