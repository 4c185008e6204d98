// The seats before a game: who may do what about them, and what is said.
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { LiapTuiCommand, LiapTuiView } from "../../generated/liap-tui";
import { seat, waiting } from "./table/sample";
import { Waiting } from "./Waiting";

vi.mock("../../session", () => ({ useSession: () => ({ name: "Yi" }) }));

beforeEach(() => {
  localStorage.clear();
  history.replaceState(null, "", "/liap-tui/4F2A9C");
});

const HOST = 1;
const PLAYER = 3;

function open(view: LiapTuiView, you: number | null, refusal?: Error) {
  const send = vi.fn((_: LiapTuiCommand): Promise<unknown> => (refusal ? Promise.reject(refusal) : Promise.resolve({})));
  const { rerender } = render(<Waiting view={view} you={you} me="me" send={send} />);
  const show = (next: LiapTuiView) => rerender(<Waiting view={next} you={you} me="me" send={send} />);
  return { send, show, user: userEvent.setup() };
}

const buttons = () => screen.queryAllByRole("button").map((button) => button.getAttribute("aria-label") ?? button.textContent);
const press = (name: string) => screen.getByRole<HTMLButtonElement>("button", { name });
const places = () => within(screen.getByRole("list")).getAllByRole("listitem").map((place) => place.textContent);

function filled(names: readonly (string | null)[], bots: readonly string[] = []): LiapTuiView {
  const seats = names.map((name, at) => {
    const bot = bots.includes(name ?? "") ? ({ level: "easy", principal: null } as const) : {};
    return name === null ? null : seat(name, at, { host: at === 0, ...bot });
  });
  return waiting({ seats });
}

describe("the seats", () => {
  it("tell who sits there, and which is free", () => {
    const { show } = open(waiting(), PLAYER);
    expect(places()).toEqual([
      expect.stringMatching(/Ana.*host.*ready$/),
      expect.stringMatching(/Moss.*bot, hard.*makes room for a person$/),
      expect.stringMatching(/Bo \(you\).*ready$/),
      "Seat 4 is freeA person who joins sits here",
    ]);
    const [ana, moss] = waiting().seats;
    show(waiting({ private: true, seats: [ana!, moss!, seat("Bo", 2, { away: true }), null] }));
    expect(places()[2]).toMatch(/away$/);
    expect(screen.getByText("private")).toBeTruthy();
  });

  it("are the host's to fill and to clear", async () => {
    const { user, send } = open(waiting(), HOST);
    expect(buttons()).toEqual(["Remove Moss", "Remove Bo", "Add a bot", "A hard one", "Start the game", "Close the table"]);
    for (const name of ["Add a bot", "A hard one", "Remove Moss", "Remove Bo"]) await user.click(press(name));
    expect(send.mock.calls.flat()).toEqual([
      { type: "add_bot", slot_id: 4, level: "easy" },
      { type: "add_bot", slot_id: 4, level: "hard" },
      { type: "remove_player", slot_id: 2 },
      { type: "remove_player", slot_id: 3 },
    ]);
  });

  it("are not a player's, who waits for the host or leaves", async () => {
    const { user, send } = open(waiting(), PLAYER);
    expect(buttons()).toEqual(["Leave"]);
    expect(screen.getByText("Ana starts the game.")).toBeTruthy();
    await user.click(press("Leave"));
    expect(send.mock.calls).toEqual([[{ type: "leave_room" }]]);
    expect(location.pathname).toBe("/liap-tui");
  });

  it("are not a spectator's, who may take one", () => {
    open(waiting(), null);
    expect(buttons()).toEqual(["Sit down"]);
    expect(screen.queryByText(/starts the game/)).toBeNull();
  });
});

describe("the start", () => {
  it("waits for every seat, and says for how many", async () => {
    const { user, send, show } = open(filled(["Ana", null, null, null]), HOST);
    expect(press("Start the game").disabled).toBe(true);
    expect(screen.getByText("3 more seats to fill. Send the link to a friend, or add a bot.")).toBeTruthy();
    show(filled(["Ana", "Bo", null, "Cid"]));
    expect(press("Start the game").disabled).toBe(true);
    expect(screen.getByText("One more seat to fill. Send the link to a friend, or add a bot.")).toBeTruthy();
    show(filled(["Ana", "Bo", "Moss", "Cid"], ["Moss"]));
    expect(screen.getByText("Bots make room for friends who join before.")).toBeTruthy();
    await user.click(press("Start the game"));
    expect(send.mock.calls).toEqual([[{ type: "start_game" }]]);
  });

  it("that is refused says why, until something else is tried", async () => {
    const { user, send } = open(filled(["Ana", "Bo", "Cid", "Dee"]), HOST, new Error("Somebody just left."));
    await user.click(press("Start the game"));
    expect((await screen.findByRole("alert")).textContent).toBe("Somebody just left.");
    send.mockResolvedValue({});
    await user.click(press("Remove Bo"));
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("never comes once the host closes the table", async () => {
    const { user, send } = open(waiting(), HOST);
    await user.click(press("Close the table"));
    expect(send.mock.calls).toEqual([[{ type: "leave_room" }]]);
    expect(location.pathname).toBe("/liap-tui");
  });

  it("keeps whoever could not leave where they are", async () => {
    const { user } = open(waiting(), PLAYER, new Error("The line is down."));
    await user.click(press("Leave"));
    expect((await screen.findByRole("alert")).textContent).toBe("The line is down.");
    expect(location.pathname).toBe("/liap-tui/4F2A9C");
  });
});

describe("sitting down", () => {
  const name = () => screen.getByLabelText<HTMLInputElement>("Your name");

  it("is under a name, which the next table knows", async () => {
    const { user, send } = open(waiting(), null);
    expect(name().value).toBe("Yi");
    await user.clear(name());
    await user.type(name(), "Yuki{Enter}");
    expect(send.mock.calls).toEqual([[{ type: "join", name: "Yuki" }]]);
    expect(localStorage.getItem("dormouse.liap-tui.name")).toBe("Yuki");
  });

  it("says what is wrong with a name, and does not keep that one", async () => {
    const { user } = open(waiting(), null, new Error("Somebody at the table has this name."));
    await user.clear(name());
    await user.type(name(), "Ana");
    await user.click(press("Sit down"));
    expect((await screen.findByRole("alert")).textContent).toBe("Somebody at the table has this name.");
    expect(name().value).toBe("Ana");
    expect(localStorage.getItem("dormouse.liap-tui.name")).toBeNull();
  });

  it("goes where a bot sits, and not where four people do", () => {
    const { show } = open(filled(["Ana", "Bo", "Moss", "Cid"], ["Moss"]), null);
    expect(press("Sit down")).toBeTruthy();
    show(filled(["Ana", "Bo", "Cid", "Dee"]));
    expect(buttons()).toEqual([]);
    expect(screen.getByText("Four people sit here. You watch, and will see the game.")).toBeTruthy();
  });
});
