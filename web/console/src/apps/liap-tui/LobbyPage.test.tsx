// The lobby: which tables stand there, and what each way to a table asks of the host.
import { DormouseProvider } from "@dormouse/react";
import { cleanup, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Row } from "../../sdk";
import { FakeTables } from "./fakeClient";
import LobbyPage from "./LobbyPage";

const session = vi.hoisted(() => ({ client: {} as unknown, name: undefined as string | undefined }));
vi.mock("../../session", () => ({ useSession: () => session }));

let tables: FakeTables;

beforeEach(() => {
  localStorage.clear();
  history.replaceState(null, "", "/liap-tui");
  tables = new FakeTables("me");
  session.client = tables.client;
  session.name = "Yi";
});

const row = (id: string, members: string[], more: Partial<Row> = {}): Row => ({
  kind: "liap-tui",
  id,
  title: `Table ${id}`,
  status: "waiting",
  members,
  position: "1:1:0000000000000000",
  updated_at: Date.now() - 3 * 3_600_000,
  created_at: 1,
  awake: true,
  sort: 0,
  ...more,
});

function open() {
  render(
    <DormouseProvider client={tables.client}>
      <LobbyPage />
    </DormouseProvider>,
  );
  return userEvent.setup();
}

const press = (name: string) => screen.getByRole<HTMLButtonElement>("button", { name });
const name = () => screen.getByLabelText<HTMLInputElement>("Your name");
const list = () => within(screen.getByRole("region", { name: "Tables" }));
const arrives = (path: string) => waitFor(() => expect(location.pathname).toBe(path));
const config = { name: "Yi", mode: "first_to_50", pace: "normal", bots: "easy", private: false };

describe("the tables", () => {
  it("stand in order, with how they are and the way in", () => {
    tables.rows = [
      row("over", ["a"], { status: "over" }),
      row("asleep", [], { status: "playing", awake: false }),
      row("full", ["a", "b", "c", "d"]),
      row("open", ["a", "b"]),
      row("mine", ["me", "b", "c"], { status: "playing" }),
    ];
    // One's own are asked for beside those of others, and stand once.
    tables.mine = [row("mine", ["me", "b", "c"], { status: "playing" }), row("hidden", ["me"], { private: true })];
    open();
    const shown = list().getAllByRole("listitem").map((item) => {
      const link = within(item).getByRole("link");
      return [link.textContent, link.getAttribute("href"), item.querySelector(".tiny")!.textContent];
    });
    expect(shown).toEqual([
      ["Join Table open", "/liap-tui/open", "waiting, 2 people"],
      ["Return Table hidden", "/liap-tui/hidden", "waiting, one person, private"],
      ["Watch Table full", "/liap-tui/full", "waiting, 4 people"],
      ["Return Table mine", "/liap-tui/mine", "playing, 3 people"],
      ["Wake Table asleep", "/liap-tui/asleep", "playing, bots only, asleep for 3 hours"],
      ["Look Table over", "/liap-tui/over", "over, one person"],
    ]);
    expect(list().getByText("6")).toBeTruthy();
    expect(list().getByRole("img", { name: "2 of 4 seats have people" })).toBeTruthy();
  });

  it("are said to be none once the host has answered, and not before", () => {
    const none = () => list().queryByText("No tables yet. Start one and send the link to a friend.");
    tables.rows = undefined;
    open();
    expect(none()).toBeNull();
    cleanup();
    tables.rows = [];
    open();
    expect(none()).toBeTruthy();
  });
});

describe("playing", () => {
  it("needs a name", async () => {
    session.name = undefined;
    const user = open();
    await user.type(name(), "  ");
    for (const way of ["Play now", "Find a table", "Set a table for friends"]) await user.click(press(way));
    expect(screen.getByRole("alert").textContent).toBe("Type the name that the others at the table should see.");
    expect(tables.asked).toEqual([]);
    await user.type(name(), "Yi{Enter}");
    await arrives("/liap-tui/new");
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("now makes a table, starts it and goes there", async () => {
    const user = open();
    await user.click(press("Play now"));
    await arrives("/liap-tui/new");
    expect(tables.asked).toEqual([["create", config], ["new", { type: "start_game" }]]);
  });

  it("with others joins the fullest table that waits", async () => {
    tables.rows = [row("one", ["a"]), row("three", ["a", "b", "c"]), row("two", ["a", "b"])];
    const user = open();
    await user.clear(name());
    await user.type(name(), " Yuki ");
    await user.click(press("Find a table"));
    await arrives("/liap-tui/three");
    expect(tables.asked).toEqual([["three", { type: "join", name: "Yuki" }]]);
    // The next table knows the name already.
    expect(localStorage.getItem("dormouse.liap-tui.name")).toBe("Yuki");
  });

  it("with others makes a table that waits where there is none to join", async () => {
    tables.rows = [row("mine", ["me", "b"]), row("full", ["a", "b", "c", "d"]), row("bots", [])];
    const user = open();
    await user.click(press("Find a table"));
    await arrives("/liap-tui/new");
    expect(tables.asked).toEqual([["create", config]]);
  });

  it("with friends sets a table as they like it, and does not start it", async () => {
    const user = open();
    await user.click(screen.getByText("More"));
    await user.selectOptions(screen.getByLabelText("Bots"), "hard");
    await user.selectOptions(screen.getByLabelText("Who wins"), "exactly_50");
    await user.selectOptions(screen.getByLabelText("Pauses"), "fast");
    await user.click(screen.getByRole("checkbox", { name: /^Private/ }));
    await user.click(press("Set a table for friends"));
    await arrives("/liap-tui/new");
    expect(tables.asked).toEqual([["create", { name: "Yi", mode: "exactly_50", pace: "fast", bots: "hard", private: true }]]);
  });

  it("says what the host refused, and may be tried again", async () => {
    tables.refusal = new Error("That name is too long.");
    const user = open();
    await user.click(press("Play now"));
    expect((await screen.findByRole("alert")).textContent).toBe("That name is too long.");
    expect(location.pathname).toBe("/liap-tui");
    expect(press("Play now").disabled).toBe(false);
    tables.refusal = undefined;
    await user.click(press("Play now"));
    await arrives("/liap-tui/new");
    expect(tables.asked).toHaveLength(3);
  });

  it("is asked for once, however often it is pressed", async () => {
    const user = open();
    await user.dblClick(press("Set a table for friends"));
    await arrives("/liap-tui/new");
    expect(tables.asked).toHaveLength(1);
    expect(press("Play now").disabled).toBe(true);
  });
});

describe("a code", () => {
  it.each([
    ["4F2A9C", "/liap-tui/4F2A9C"],
    [" liap-tui/4F2A9C ", "/liap-tui/4F2A9C"],
    ["http://localhost/liap-tui/4F2A9C?from=mail", "/liap-tui/4F2A9C"],
  ])("%s leads to its table", async (code, path) => {
    const user = open();
    await user.type(screen.getByLabelText("Code or link of a table"), `${code}{Enter}`);
    expect(location.pathname).toBe(path);
  });

  it.each(["two words", "http://localhost/todo/4F2A9C", "a/b/c", " "])("'%s' is none", async (code) => {
    const user = open();
    await user.type(screen.getByLabelText("Code or link of a table"), code);
    await user.click(press("Join by code"));
    expect(screen.getByRole("alert").textContent).toBe(
      "That is no code of a table. Paste the code, or the link that somebody sent you.",
    );
    expect(location.pathname).toBe("/liap-tui");
  });
});
