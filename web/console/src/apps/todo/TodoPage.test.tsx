// The page with the real SDK on a line to a host in memory.
import { act, cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { FakeRoom } from "../../../dev/fake/host";

const ANA = { id: "ana", name: "Ana" };

let room: FakeRoom;

/** Each test is another visitor to another host: both are made when their modules are loaded. */
beforeEach(async () => {
  localStorage.clear();
  sessionStorage.clear();
  vi.resetModules();
  const { fake } = await import("../../../dev/fake/connect");
  fake.host.latency = 1;
  room = fake.host.create("Market", undefined);
  room.act({ type: "add_todo", title: "Eggs" }, ANA);
  room.act({ type: "add_todo", title: "Salt" }, ANA);
});

async function open(id = room.id) {
  cleanup();
  history.replaceState(null, "", `/todo/${id}`);
  const { App } = await import("../../App");
  render(<App />);
  await screen.findByRole("heading", { level: 1 });
  return userEvent.setup();
}

const plate = () => within(screen.getByRole("region", { name: "This device" }));
const status = () => plate().getByTestId("status").textContent;
const field = () => plate().getByRole("textbox", { name: "Add something" });
const titles = () =>
  plate()
    .getAllByRole("checkbox")
    .map((tick) => tick.getAttribute("aria-label"));
const live = () => waitFor(() => expect(status()).toBe("Live"));
const byAna = (command: Parameters<FakeRoom["act"]>[0]) => act(() => void room.act(command, ANA));

describe("a list", () => {
  it("opens, shows its place, and takes new things", async () => {
    const user = await open();
    await live();
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Market");
    expect(plate().getByTestId("position").textContent).toBe("1:3");
    await user.type(field(), "Tape{Enter}");
    expect(titles()).toEqual(["Eggs", "Salt", "Tape"]);
    await waitFor(() => expect(plate().getByTestId("position").textContent).toBe("1:4"));
    expect(room.view.items["3"]).toMatchObject({ title: "Tape", done: false });
    expect(plate().queryByText("waiting")).toBeNull();
  });

  it("ticks, edits in place by double click, F2 and Enter, and deletes with a way back", async () => {
    const user = await open();
    await live();
    await user.click(plate().getByRole("checkbox", { name: "Eggs" }));
    await waitFor(() => expect(room.view.items["1"]!.done).toBe(true));

    await user.dblClick(plate().getByRole("button", { name: "Change Salt" }));
    await user.clear(plate().getByRole("textbox", { name: "New text for Salt" }));
    await user.keyboard("Sea salt{Enter}");
    await waitFor(() => expect(room.view.items["2"]!.title).toBe("Sea salt"));

    plate().getByRole("checkbox", { name: "Sea salt" }).focus();
    await user.keyboard("{F2}");
    await user.keyboard("Rock salt{Escape}");
    expect(plate().getByRole("button", { name: "Change Sea salt" })).toBeTruthy();

    await user.click(plate().getByRole("button", { name: "Delete Eggs" }));
    await waitFor(() => expect(room.view.items["1"]).toBeUndefined());
    await user.click(screen.getByRole("button", { name: "Undo" }));
    // Back as a new thing, and done again, as it was.
    await waitFor(() => expect(room.view.items["3"]).toMatchObject({ title: "Eggs", done: true }));
  });

  it("keeps everything while the plug is out and catches up after", async () => {
    const user = await open();
    await live();
    await user.click(plate().getByRole("button", { name: "Pull the plug" }));
    await waitFor(() => expect(status()).toBe("Offline"));
    await user.type(field(), "Tape{Enter}");
    await user.click(plate().getByRole("checkbox", { name: "Eggs" }));
    expect(status()).toBe("Offline, 2 waiting");
    expect(plate().getAllByText("waiting")).toHaveLength(2);
    expect(plate().getByText(/^Last heard at/).textContent).toContain("1:3");
    byAna({ type: "add_todo", title: "Box" });
    byAna({ type: "add_todo", title: "Sign" });
    expect(titles()).toEqual(["Eggs", "Salt", "Tape"]);

    await user.click(plate().getByRole("button", { name: "Plug back in" }));
    await live();
    expect(await plate().findByText("You are up to date. Two moves happened while you were away.")).toBeTruthy();
    await waitFor(() => expect(titles()).toEqual(["Eggs", "Salt", "Box", "Sign", "Tape"]));
    expect(plate().getByTestId("position").textContent).toBe("1:7");
    expect(room.commits).toHaveLength(7);
  });

  it("shows what the rules refused, where it was, in words, and lets it go", async () => {
    const user = await open();
    await live();
    await user.click(plate().getByRole("button", { name: "Pull the plug" }));
    await user.click(plate().getByRole("checkbox", { name: "Eggs" }));
    byAna({ type: "delete_todo", id: "1" });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
    try {
      fireEvent.click(plate().getByRole("button", { name: "Plug back in" }));
      expect((await plate().findByRole("alert")).textContent).toBe("Not ticked. That one is not on the list any more.");
      expect(titles()).toEqual(["Eggs", "Salt"]);
      await act(() => vi.advanceTimersByTimeAsync(9000));
      expect(titles()).toEqual(["Salt"]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("takes changes that come faster than React renders what effects set", async () => {
    const env = globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean };
    const user = await open();
    await live();
    env.IS_REACT_ACT_ENVIRONMENT = false;
    try {
      // Each is rendered, all in one turn of the loop: React comes to nothing that can wait. What throws in a listener fails the run.
      for (let n = 1; n <= 300; n += 1) {
        if (n <= 240) room.act({ type: "rename_list", title: `Title ${n}` }, ANA);
        else room.act({ type: "add_todo", title: `Thing ${n}` }, { id: `g${n}`, name: "Guest" });
        await null;
      }
      await waitFor(() => expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Title 240"));
      expect(plate().getByTestId("position").textContent).toBe("1:303");
      expect(titles()).toHaveLength(62);
      expect(titles().at(-1)).toBe("Thing 300");
    } finally {
      env.IS_REACT_ACT_ENVIRONMENT = true;
    }
    await user.type(field(), "Tape{Enter}");
    await waitFor(() => expect(room.commits).toHaveLength(304));
  });

  it("looks at any earlier commit and comes back to now", async () => {
    const user = await open();
    await live();
    const slider = await screen.findByRole("slider", { name: "Position in history" });
    expect(slider.getAttribute("aria-valuetext")).toMatch(/^Position 3 of 3, today/);
    slider.focus();
    await user.keyboard("{ArrowLeft}");
    await waitFor(() => expect(status()).toBe("Looking at 1:2"));
    expect(titles()).toEqual(["Eggs"]);
    expect(plate().queryByRole("textbox")).toBeNull();
    await user.keyboard("{Home}");
    await waitFor(() => expect(status()).toBe("Looking at 1:1"));
    await user.click(screen.getByRole("button", { name: "Now" }));
    expect(status()).toBe("Live");
    expect(titles()).toEqual(["Eggs", "Salt"]);
  });

  it("says who is here and who types", async () => {
    await open();
    await live();
    act(() => room.watch({}, ANA));
    expect(await screen.findByText("Ana")).toBeTruthy();
    act(() => room.signal({ from: ANA, signal: { typing: true } }));
    expect(await plate().findByText("Ana is typing")).toBeTruthy();
  });

  it("warns of a text that is too long and keeps it", async () => {
    const user = await open();
    await live();
    fireEvent.change(field(), { target: { value: "x".repeat(214) } });
    expect(plate().getByRole("alert").textContent).toBe("214 characters; 200 is the most.");
    await user.type(field(), "{Enter}");
    expect((field() as HTMLInputElement).value).toHaveLength(214);
    expect(room.commits).toHaveLength(3);
  });

  it("says so when there is no room, and when it was retired", async () => {
    await open("nope");
    expect(await screen.findByText("There is no room here.")).toBeTruthy();
    await open();
    await live();
    act(() => room.retire());
    expect(await screen.findByText("This room was retired. Nothing can wake it.")).toBeTruthy();
  });

  it("shows both sides of the line beside each other", async () => {
    const user = await open();
    await live();
    await user.click(screen.getByRole("button", { name: "Show a second device" }));
    const second = within(await screen.findByRole("region", { name: "Second device" }));
    await waitFor(() => expect(second.getByTestId("status").textContent).toBe("Live"));
    await user.type(second.getByRole("textbox", { name: "Add something" }), "From there{Enter}");
    await waitFor(() => expect(titles()).toEqual(["Eggs", "Salt", "From there"]));
    expect(room.view.items["3"]!.by.name).toBe("Second device");
  });
});
