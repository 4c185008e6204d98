// The page of one table, with its line to a host made up: the link to it, who speaks there, and when one goes back by itself.
import { DormouseProvider } from "@dormouse/react";
import { act, fireEvent, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeTables } from "./fakeClient";
import LiapPage from "./LiapPage";
import { flipped, over, waiting, watched } from "./table/sample";

const session = vi.hoisted(() => ({ client: {} as unknown, name: "Yi" }));
vi.mock("../../session", () => ({ useSession: () => session }));

let tables: FakeTables;

beforeEach(() => {
  localStorage.clear();
  history.replaceState(null, "", "/liap-tui/4F2A9C");
  vi.stubGlobal("fetch", () => Promise.reject(new Error("no network in tests")));
  tables = new FakeTables("yi");
  session.client = tables.client;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const open = () =>
  render(
    <DormouseProvider client={tables.client}>
      <LiapPage id="4F2A9C" />
    </DormouseProvider>,
  );
/** One by one, since React shows what came of each. */
async function seconds(n: number) {
  for (let at = 0; at < n; at += 1) await act(() => vi.advanceTimersByTimeAsync(1000));
}

it("copies the link to where one is", async () => {
  tables.show(waiting());
  const user = userEvent.setup();
  open();
  await user.click(screen.getByRole("button", { name: "Copy the link" }));
  expect(await screen.findByRole("button", { name: "Copied" })).toBeTruthy();
  expect(await navigator.clipboard.readText()).toBe(location.href);
});

it("shows the link to be copied by hand where there is no clipboard", async () => {
  tables.show(waiting());
  const user = userEvent.setup();
  vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new Error("not here"));
  open();
  await user.click(screen.getByRole("button", { name: "Copy the link" }));
  expect((await screen.findByLabelText<HTMLInputElement>("Link to this room")).value).toBe(location.href);
});

it("takes nobody without a seat for a player", () => {
  tables.show(waiting());
  open();
  act(() => tables.hear({ id: "bo", name: "Robert" }, { chat: "Hello" }));
  act(() => tables.hear({ id: "zoe", name: "Bo" }, { chat: "Hello" }));
  expect([...screen.getByRole("log").children].map((line) => line.textContent)).toEqual(["Bo Hello", "Bo (watching) Hello"]);
});

describe("the way back to the tables", () => {
  beforeEach(() => void vi.useFakeTimers());
  const timer = () => screen.queryByText(/^Back to the tables in/)?.textContent;

  it.each([
    ["a player", (view: ReturnType<typeof over>) => view],
    ["a spectator", (view: ReturnType<typeof over>) => ({ ...watched(view), seats: watched(view).seats.map((it) => it && { ...it, principal: null }) })],
  ])("begins for %s when the game ends under their eyes", async (_, seen) => {
    tables.show(seen(flipped()));
    open();
    expect(timer()).toBeUndefined();
    act(() => tables.show(seen(over())));
    expect(timer()).toBe("Back to the tables in 60 s");
    await seconds(60);
    expect(location.pathname).toBe("/liap-tui");
  });

  it("does not begin at a table that was over before", async () => {
    open();
    act(() => tables.show(over()));
    expect(screen.getByRole("heading", { name: "Yi has won" })).toBeTruthy();
    expect(timer()).toBeUndefined();
    // Something happens to a table that is over, too.
    act(() => tables.show(over({ title: "Another" })));
    await seconds(120);
    expect(timer()).toBeUndefined();
    expect(location.pathname).toBe("/liap-tui/4F2A9C");
  });

  it("waits for whoever reads the rules, and is given up when they close them", async () => {
    tables.show(flipped());
    open();
    fireEvent.click(screen.getByRole("button", { name: "Rules" }));
    act(() => tables.show(over()));
    await seconds(120);
    expect(timer()).toBe("Back to the tables in 60 s");
    expect(location.pathname).toBe("/liap-tui/4F2A9C");
    fireEvent.keyDown(screen.getByRole("dialog"), { key: "Escape" });
    expect(screen.getByText("You stay at this table.")).toBeTruthy();
  });
});
