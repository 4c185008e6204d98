// Home with the real SDK on a line to a host in memory.
import { act, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { FakeHost } from "../../../dev/fake/host";

const ANA = { id: "ana", name: "Ana" };

let host: FakeHost;

beforeEach(async () => {
  localStorage.clear();
  history.replaceState(null, "", "/");
  vi.resetModules();
  ({
    fake: { host },
  } = await import("../../../dev/fake/connect"));
  host.latency = 1;
});

async function open() {
  const { App } = await import("../../App");
  render(<App />);
  return userEvent.setup();
}

const headline = async (text: string) =>
  waitFor(() => expect(screen.getByRole("heading", { level: 1 }).textContent).toBe(text));

describe("home", () => {
  it("is an empty state on a new host", async () => {
    await open();
    await headline("No rooms yet.All is quiet.");
    expect(await screen.findByText("No rooms yet. Start one and send the link to a friend.")).toBeTruthy();
    await waitFor(() => expect(screen.getByTestId("status").textContent).toBe("Live"));
  });

  it("groups rooms by sleep and counts them as the host does", async () => {
    host.create("Market", undefined, "market").act({ type: "add_todo", title: "Eggs" }, ANA);
    const old = host.create("Reading group", undefined, "reading");
    old.head.at = Date.now() - 3 * 86_400_000;
    host.unseen = 1282;
    await open();
    await headline("One room is awake.1,283 are asleep.");
    const awake = within(await screen.findByRole("region", { name: "Awake" }));
    expect(awake.getByRole("link", { name: "Open Market" }).getAttribute("href")).toBe("/todo/market");
    expect(awake.getByText("1:2")).toBeTruthy();
    const asleep = within(screen.getByRole("region", { name: "Asleep" }));
    expect(asleep.getByRole("link", { name: "Wake Reading group" })).toBeTruthy();
    expect(asleep.getByText("Asleep for 3 days")).toBeTruthy();
    expect(screen.queryByText(/Last wake/)).toBeNull();
    expect(screen.queryByText(/\$/)).toBeNull();
  });

  it("lists a room that somebody starts, and what becomes of it", async () => {
    await open();
    await headline("No rooms yet.All is quiet.");
    host.create("Market", undefined, "market");
    expect(await screen.findByRole("link", { name: "Open Market" })).toBeTruthy();
    await headline("One room is awake.It has the house to itself.");
    host.create("Trip", undefined, "trip");
    await screen.findByRole("link", { name: "Open Trip" });
    host.rooms.get("market")!.act({ type: "rename_list", title: "Saturday market" }, ANA);
    expect(await screen.findByRole("link", { name: "Open Saturday market" })).toBeTruthy();
    host.rooms.get("trip")!.retire();
    await waitFor(() => expect(screen.queryByRole("link", { name: "Open Trip" })).toBeNull());
  });

  it("pages through many rooms", async () => {
    for (let i = 0; i < 70; i++) host.create(`List ${i}`, undefined, `l${i}`);
    const user = await open();
    await waitFor(() => expect(screen.getAllByRole("link", { name: /^Open List/ })).toHaveLength(50));
    await user.click(screen.getByRole("button", { name: "Show more rooms" }));
    await waitFor(() => expect(screen.getAllByRole("link", { name: /^Open List/ })).toHaveLength(70));
    expect(screen.queryByRole("button", { name: "Show more rooms" })).toBeNull();
  });

  it("starts a room and goes there", async () => {
    const user = await open();
    await headline("No rooms yet.All is quiet.");
    await user.click(screen.getByRole("button", { name: "Start a room" }));
    await user.type(screen.getByLabelText("Name of the list"), "Trip{Enter}");
    await waitFor(() => expect(location.pathname).toMatch(/^\/todo\/\w+$/));
    await headline("Trip");
    expect(host.rooms.size).toBe(1);
  });

  it("offers what the host has, to who pressed before it said so, too", async () => {
    host.latency = 100;
    const user = await open();
    await user.click(screen.getByRole("button", { name: "Start a room" }));
    expect(screen.queryByLabelText("Name of the list")).toBeNull();
    expect(await screen.findByLabelText("Name of the list")).toBeTruthy();
  });

  it("joins by code, and says so when there is none", async () => {
    host.create("Market", undefined, "4F2A9C");
    const user = await open();
    await user.click(await screen.findByRole("button", { name: "Join by code" }));
    const code = screen.getByLabelText("Code or link");
    await user.type(code, "4F2A9D{Enter}");
    expect((await screen.findByRole("alert")).textContent).toBe(
      "No room has this code. It may have a letter too many or too few.",
    );
    await user.clear(code);
    await user.type(code, "http://localhost/todo/4F2A9C{Enter}");
    await waitFor(() => expect(location.pathname).toBe("/todo/4F2A9C"));
  });

  it("keeps a name on this device and becomes that guest", async () => {
    const user = await open();
    await user.click(await screen.findByRole("button", { name: /Change your name/ }));
    await user.type(screen.getByLabelText("Your name"), "Yuki{Enter}");
    expect(await screen.findByRole("button", { name: "You, Yuki. Change your name" })).toBeTruthy();
    expect(localStorage.getItem("dormouse.name")).toBe("Yuki");
  });

  it("says that the host does not answer, and what is shown is old", async () => {
    host.create("Market", undefined, "market");
    await open();
    await screen.findByRole("link", { name: "Open Market" });
    host.down = true;
    act(() => void window.dispatchEvent(new Event("focus")));
    expect(await screen.findByText(/^The host does not answer\. What you see was read/)).toBeTruthy();
    expect(screen.getByRole("link", { name: "Open Market" })).toBeTruthy();
  });
});

describe("addresses", () => {
  it.each([
    ["/x/y/z", "There is no page here."],
    ["/duel/d1", "There is no page for rooms of this kind."],
    ["/todo/two%20words", "There is no room here."],
  ])("%s", async (path, words) => {
    history.replaceState(null, "", path);
    await open();
    expect(await screen.findByText(words)).toBeTruthy();
  });
});
