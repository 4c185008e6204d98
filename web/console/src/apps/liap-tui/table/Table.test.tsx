// The table in made-up moments: what may be chosen, what is said, and what comes back when the rules refuse.
import { act, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { LiapTuiCommand, LiapTuiView } from "../../../generated/liap-tui";
import { declaring, flipped, leading, NOW, pieces, play, sample, trick, watched, weak } from "./sample";
import { Table, type TableProps } from "./Table";

type More = Partial<TableProps>;

function open(view: LiapTuiView, more: More = {}) {
  const send = vi.fn((_: LiapTuiCommand) => new Promise<unknown>(() => {}));
  const table = (view: LiapTuiView, more: More) => <Table view={view} send={send} now={() => NOW} {...more} />;
  const { rerender, container } = render(table(view, more));
  return { send, user: userEvent.setup(), container, show: (next: LiapTuiView, other = more) => rerender(table(next, other)) };
}

const tray = () => within(screen.getByRole("toolbar", { name: "Your tray" }));
const piece = (name: string, nth = 0) => tray().getAllByRole("button", { name })[nth]!;
const pressed = () =>
  tray()
    .getAllByRole("button", { pressed: true })
    .map((button) => button.querySelector(".sr")!.textContent);
const playButton = () => screen.getByRole<HTMLButtonElement>("button", { name: /^Play/ });
const said = () => screen.getByTestId("announcer").textContent;
const CHARIOT = "Chariot, red, 8 points";
const ADVISOR = "Advisor, red, 12 points";
const HORSE = "Horse, black, 5 points";

afterEach(() => vi.useRealTimers());

describe("choosing pieces", () => {
  it("follows with as many as were led, and says why fewer or more will not do", async () => {
    const { user, send } = open(sample());
    expect(playButton().disabled).toBe(true);
    expect(screen.getByText("Choose two pieces, any you like.")).toBeTruthy();
    await user.click(piece(CHARIOT));
    expect(playButton().disabled).toBe(true);
    expect(screen.getAllByText("Two pieces, please: Ana led a pair.")).not.toHaveLength(0);
    await user.click(piece(CHARIOT, 1));
    expect(screen.getAllByText("Pair of chariots, 16 points")).not.toHaveLength(0);
    await user.click(playButton());
    expect(send.mock.calls).toEqual([[{ type: "play", indices: [1, 2] }]]);
    // The button is gone; the keyboard goes on in the tray.
    expect(tray().getAllByRole("button")).toContain(document.activeElement);
  });

  it("lets a follower give away what makes no set", async () => {
    const { user } = open(sample());
    await user.click(piece(ADVISOR));
    await user.click(piece(HORSE));
    expect(playButton().disabled).toBe(false);
    expect(screen.getAllByText(/^No set: you give these away/)).not.toHaveLength(0);
  });

  it("leads with a set alone, and shows what can still join one", async () => {
    const { user, container } = open(leading());
    await user.click(piece(ADVISOR));
    expect(playButton().disabled).toBe(false);
    await user.click(piece(HORSE));
    expect(playButton().disabled).toBe(true);
    expect(screen.getAllByText("A set has one colour: choose only red or only black pieces.")).not.toHaveLength(0);
    await user.click(piece(ADVISOR));
    await user.click(piece(HORSE));
    await user.click(piece(CHARIOT));
    const joining = [...container.querySelectorAll(".piece--joins .sr")].map((it) => it.textContent);
    expect(joining).toEqual([CHARIOT]);
  });

  it("works by keyboard: one tab stop, arrows, space and enter", async () => {
    const { user, send } = open(sample());
    await user.tab();
    expect(document.activeElement).toBe(piece(ADVISOR));
    await user.keyboard("{ArrowRight} {ArrowRight} ");
    expect(pressed()).toEqual([CHARIOT, CHARIOT]);
    expect(tray().getAllByRole("button").filter((button) => button.tabIndex === 0)).toHaveLength(1);
    await user.keyboard("{Enter}");
    expect(send).toHaveBeenCalledWith({ type: "play", indices: [1, 2] });
    expect(send).toHaveBeenCalledTimes(1);
  });

  it("offers no button out of turn", () => {
    open(sample({ awaited: [3] }));
    expect(screen.queryByRole("button", { name: /^Play/ })).toBeNull();
    expect(screen.getByText("Bo plays two pieces.")).toBeTruthy();
  });
});

describe("a move that is under way", () => {
  const moved = () => flipped().seats[3]!.hand!;

  it("lies on the table before the host answers", async () => {
    const { user, show } = open(sample());
    await user.keyboard("{Tab}{ArrowRight} {ArrowRight} {Enter}");
    const mine = () => screen.getByRole("group", { name: "You play" });
    expect(within(mine()).getAllByRole("img", { name: CHARIOT })).toHaveLength(2);
    expect(tray().getAllByRole("button", { name: `${CHARIOT}, on the table` })).toHaveLength(2);
    expect(screen.queryByRole("button", { name: /^Play/ })).toBeNull();
    expect(screen.getByText("On its way to the host.")).toBeTruthy();
    show(flipped());
    expect(screen.queryByText("On its way to the host.")).toBeNull();
    expect(tray().getAllByRole("button")).toHaveLength(moved().length);
    expect(tray().getAllByRole("button")).toContain(document.activeElement);
  });

  it("comes back to the tray with the rules' words when it is refused", async () => {
    const send = () => Promise.reject(new Error("The time for that is over."));
    const { user } = open(sample(), { send });
    await user.click(piece(CHARIOT));
    await user.click(piece(CHARIOT, 1));
    await user.click(playButton());
    expect((await screen.findByRole("alert")).textContent).toBe("The time for that is over.");
    expect(piece(CHARIOT).className).not.toContain("piece--gone");
    expect(screen.queryByRole("group", { name: "You play" })).toBeNull();
    await user.click(piece(CHARIOT));
    expect(screen.queryByRole("alert")).toBeNull();
  });
});

describe("declaring", () => {
  const value = (name: string) => screen.getByRole<HTMLInputElement>("radio", { name });

  it("forbids what the rules forbid, with the reasons", async () => {
    const { user, send } = open(declaring());
    expect(["0", "1", "2", "3", "8"].map((name) => value(name).disabled)).toEqual([true, false, false, true, false]);
    expect(screen.getByText(/Not 3: the four together may not make 8/).textContent).toContain("Not 0: you declared 0 twice in a row.");
    await user.click(value("2"));
    await user.click(screen.getByRole("button", { name: "Declare 2" }));
    expect(send).toHaveBeenCalledWith({ type: "declare", value: 2 });
  });

  it("has one reason for the last player alone", () => {
    const [ana, moss, bo, yi] = declaring().seats;
    const seats = [{ ...ana!, declared: 7 }, moss!, { ...bo!, declared: null }, yi!];
    open(declaring({ seats, may_declare: [1, 2, 3, 4, 5, 6, 7, 8] }));
    expect(screen.getByText("Not 0: you declared 0 twice in a row.")).toBeTruthy();
  });

  it("takes a digit, and says why one will not do", async () => {
    const { user, send } = open(declaring());
    await user.keyboard("3");
    expect(send).not.toHaveBeenCalled();
    expect(said()).toBe("Not 3: the four together may not make 8.");
    await user.keyboard("4");
    expect(send.mock.calls).toEqual([[{ type: "declare", value: 4 }]]);
  });

  it("leaves digits to whoever writes", async () => {
    const { user, send } = open(declaring(), { children: <input aria-label="Chat" /> });
    await user.type(screen.getByLabelText("Chat"), "4");
    expect(send).not.toHaveBeenCalled();
  });
});

describe("a weak hand", () => {
  it("is asked about, with the next multiplier and the time", async () => {
    const { user, send } = open(weak());
    expect(screen.getByRole("timer").getAttribute("aria-label")).toBe("30 seconds left");
    expect(screen.queryByRole("alert")).toBeNull();
    await user.click(screen.getByRole("button", { name: "Deal again at ×2" }));
    expect(send).toHaveBeenCalledWith({ type: "redeal_decision", accept: true });
  });

  it("warns when time runs out", () => {
    open(weak(), { now: () => NOW + 20_000 });
    expect(screen.getByRole("alert").textContent).toBe("Time runs out: then you keep this hand.");
    expect(screen.getByRole("timer").textContent).toBe("10");
  });
});

describe("the flip", () => {
  const backs = () => screen.queryAllByRole("img", { name: "Face-down piece" }).length;

  it("turns all over together, a moment after the last play", () => {
    vi.useFakeTimers();
    const { show } = open(sample());
    expect(backs()).toBe(6);
    show(flipped());
    expect(backs()).toBe(6);
    expect(screen.queryByText("You take two piles.")).toBeNull();
    act(() => vi.advanceTimersByTime(799));
    expect(backs()).toBe(6);
    act(() => vi.advanceTimersByTime(1));
    expect(backs()).toBe(0);
    expect(screen.getByRole("group", { name: "You, takes the trick" })).toBeTruthy();
    expect(said()).toContain("Bo: no set. You: pair of chariots, 16 points. You take two piles.");
  });

  it("is there at once for whoever comes late, looks at the past, or wants no motion", () => {
    open(flipped()).show(flipped());
    expect(backs()).toBe(0);
    const media = vi.spyOn(window, "matchMedia").mockImplementation((query) => ({ matches: true, media: query }) as MediaQueryList);
    const { show } = open(sample());
    show(flipped());
    expect(backs()).toBe(0);
    media.mockRestore();
  });
});

describe("a watcher", () => {
  it("sees counts, no hand, and no gold button", () => {
    const { container } = open(watched(sample()));
    expect(screen.queryByRole("toolbar")).toBeNull();
    expect(container.querySelector(".btn--go")).toBeNull();
    expect(screen.getByText("You watch. Hands are for their holders alone.")).toBeTruthy();
    expect(within(screen.getByRole("region", { name: "Moss" })).getByText("5 in hand")).toBeTruthy();
    expect(screen.getByRole("region", { name: "Ana" }).className).toContain("mine");
  });

  it("of the past has no controls and no clock, and hears nothing", () => {
    const { container, show } = open(sample(), { past: true });
    show(flipped());
    expect(container.querySelector("button, input, [role=timer]")).toBeNull();
    expect(said()).toBe("");
    expect(screen.queryAllByRole("img", { name: "Face-down piece" })).toHaveLength(0);
  });
});

describe("seats", () => {
  it("say who is a bot, who leads, and for whom a bot plays", () => {
    open(sample());
    const at = (name: string) => screen.getByRole("region", { name }).textContent;
    expect(at("Moss")).toContain("bot");
    expect(at("Bo")).toContain("A bot plays for Bo");
    expect(at("Ana")).toContain("leads");
  });

  it("are given back to who left them", async () => {
    const [ana, moss, bo, yi] = sample().seats;
    const { user, send } = open(sample({ seats: [ana!, moss!, bo!, { ...yi!, away: true }] }));
    expect(screen.queryByRole("button", { name: /^Play/ })).toBeNull();
    await user.click(screen.getByRole("button", { name: "Take your seat back" }));
    expect(send).toHaveBeenCalledWith({ type: "join", name: "Yi" });
  });
});

describe("what is announced", () => {
  it("are turns, plays and rounds, each once", async () => {
    const { show } = open(sample({ awaited: [3], trick: trick(1, { required: 2, plays: [play(1), play(2)] }) }));
    show(sample());
    await waitFor(() => expect(said()).toBe("Bo plays two pieces. Your turn: play two pieces."));
    show(leading());
    await waitFor(() => expect(said()).toBe("Your turn: lead 1 to 6 pieces."));
    show(sample({ phase: "round_start", round: 4, awaited: [], trick: trick(1), tricks: [] }));
    await waitFor(() => expect(said()).toBe("Ana starts round 4. Ana took the last trick."));
  });

  it("is another deal", async () => {
    const before = weak({ weak_hand: null });
    const { show } = open(before);
    expect(said()).toBe("Round 3 is dealt. Eight pieces each.");
    show({ ...before, multiplier: 2 });
    await waitFor(() => expect(said()).toBe("Round 3 is dealt. Dealt again: this round counts ×2."));
  });

  it("is who declares, and who is gone or back", async () => {
    const before = declaring();
    const [ana, moss, bo, yi] = before.seats;
    const { show } = open({ ...before, awaited: [3], may_declare: [], seats: [ana!, moss!, { ...bo!, declared: null }, yi!] });
    show({ ...before, seats: [{ ...ana!, away: true }, moss!, { ...bo!, away: false }, yi!] });
    await waitFor(() =>
      expect(said()).toBe("A bot plays for Ana. Bo is back. Bo declares 1. Your turn: declare how many piles you will take."),
    );
  });
});

describe("coming back from the past", () => {
  it("tells where the game stands, and not what lies between", () => {
    const { show } = open(sample({ awaited: [1], trick: trick(1) }), { past: true });
    show(sample(), {});
    expect(said()).toBe("Your turn: play two pieces.");
  });
});

describe("one's own moves", () => {
  it("are not told to oneself", () => {
    const before = declaring();
    const { show } = open(before);
    const asked = said();
    show({ ...before, awaited: [], seats: before.seats.map((seat, at) => (at === 3 ? { ...seat!, declared: 4 } : seat)) });
    expect(said()).toBe(asked);
  });
});

describe("the score", () => {
  it("of this round and of all before is on the sheet", () => {
    open(sample());
    const row = screen.getByRole("row", { name: /^A Ana 3 1 \+16 31|^Ana 3 1 \+16 31/ });
    expect(row).toBeTruthy();
    const sheet = within(screen.getByText("Score sheet").closest("details")!);
    expect(sheet.getByText("declared 2, took 2, +21 points")).toBeTruthy();
    expect(sheet.getByText("×3")).toBeTruthy();
  });

  it("of a round stands in the middle while it is scored", () => {
    open(sample({ phase: "scoring", awaited: [], trick: trick(1) }));
    expect(within(screen.getByRole("table", { name: "Points of round 2" })).getByText("+27")).toBeTruthy();
  });
});

describe("the sound", () => {
  it("is off until somebody wants it, then ticks once when it is their turn", async () => {
    localStorage.clear();
    const start = vi.fn();
    const node = { frequency: {}, gain: { setValueAtTime() {}, exponentialRampToValueAtTime() {} }, connect: (to: unknown) => to, start, stop() {} };
    class FakeAudio {
      currentTime = 0;
      createOscillator = () => node;
      createGain = () => node;
    }
    vi.stubGlobal("AudioContext", FakeAudio);
    const waiting = sample({ awaited: [3], trick: trick(1, { required: 2, plays: [play(1), play(2, pieces(1, 1))] }) });
    const { user, show } = open(waiting);
    show(sample());
    expect(start).not.toHaveBeenCalled();
    show(waiting);
    await user.click(screen.getByRole("checkbox", { name: "A tick when it is your turn" }));
    show(sample());
    show(sample());
    expect(start).toHaveBeenCalledTimes(1);
    vi.unstubAllGlobals();
  });
});
