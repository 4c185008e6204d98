// What is left of a game: the way back to the tables by itself, and everything that keeps somebody there.
import { act, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LiapTuiCommand, LiapTuiView } from "../../generated/liap-tui";
import { Ending } from "./Ending";
import { FakeTables } from "./fakeClient";
import { over, waiting } from "./table/sample";

const session = vi.hoisted(() => ({ client: {} as unknown }));
vi.mock("../../session", () => ({ useSession: () => session }));

const HERE = "/liap-tui/4F2A9C";

beforeEach(() => {
  vi.useFakeTimers();
  history.replaceState(null, "", HERE);
  const tables = new FakeTables("yi");
  tables.show(waiting());
  session.client = tables.client;
});
afterEach(() => vi.useRealTimers());

function open(view: LiapTuiView = over()) {
  const send = vi.fn((_: LiapTuiCommand) => new Promise<unknown>(() => {}));
  const page = (view: LiapTuiView) => (
    <>
      <Ending {...{ view, send }} id="4F2A9C" you={4} sawEnd reading={false} />
      <input type="range" aria-label="Position in history" />
    </>
  );
  const { rerender } = render(page(view));
  return { show: (next: LiapTuiView) => rerender(page(next)) };
}

/** One by one, since React shows what came of each. */
async function seconds(n: number) {
  for (let at = 0; at < n; at += 1) await act(() => vi.advanceTimersByTimeAsync(1000));
}
const timer = () => screen.queryByText(/^Back to the tables in/)?.textContent;

describe("the way back to the tables", () => {
  it("counts each second, and is taken at the last", async () => {
    open();
    expect(timer()).toBe("Back to the tables in 60 s");
    await seconds(1);
    expect(timer()).toBe("Back to the tables in 59 s");
    await seconds(58);
    expect(timer()).toBe("Back to the tables in 1 s");
    expect(location.pathname).toBe(HERE);
    const steps = history.length;
    await seconds(1);
    expect(location.pathname).toBe("/liap-tui");
    await seconds(5);
    expect(history.length).toBe(steps + 1);
  });

  it("is announced once, and politely", async () => {
    open();
    const region = screen.getByRole("status");
    const heard: string[] = [];
    for (let n = 0; n < 59; n += 1) {
      const before = region.textContent;
      await seconds(1);
      if (region.textContent !== before) heard.push(region.textContent!);
    }
    expect(heard).toEqual(["You go back to the tables in a minute. Any key or touch keeps you here."]);
    // The seconds themselves are no live region.
    expect(screen.getByText(/^Back to the tables in/).closest("[role=status],[role=alert],[aria-live]")).toBeNull();
  });

  it.each([
    ["Stay", () => fireEvent.click(screen.getByRole("button", { name: "Stay" }))],
    ["a rematch", () => fireEvent.click(screen.getByRole("button", { name: "Rematch" }))],
    ["the deals", () => fireEvent.click(screen.getByText("Check the deals"))],
    ["the slider", () => fireEvent.input(screen.getByRole("slider"), { target: { value: "3" } })],
    ["a key", () => fireEvent.keyDown(document.body, { key: "Shift" })],
    ["a press of the pointer", () => fireEvent.pointerDown(document.body)],
    ["the wheel", () => fireEvent.wheel(document.body)],
    ["what something else swallows", () => fireEvent.keyDown(swallowing(), { key: "Tab" })],
  ])("is given up for good by %s", async (_, use) => {
    open();
    await seconds(30);
    use();
    expect(timer()).toBeUndefined();
    expect(screen.getByText("You stay at this table.")).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Stay" })).toBeNull();
    await seconds(120);
    expect(timer()).toBeUndefined();
    expect(location.pathname).toBe(HERE);
  });

  it("is not for whoever is invited to play again", async () => {
    const { show } = open();
    await seconds(57);
    show(over({ rematch: "next" }));
    await seconds(1);
    expect(screen.getByText("Ana opened a rematch.")).toBeTruthy();
    expect(screen.getByRole("link", { name: "Go to the rematch" }).getAttribute("href")).toBe("/liap-tui/next");
    await seconds(120);
    expect(timer()).toBeUndefined();
    expect(location.pathname).toBe(HERE);
  });
});

function swallowing(): HTMLElement {
  const slider = screen.getByRole("slider");
  slider.addEventListener("keydown", (event) => event.stopPropagation());
  return slider;
}
