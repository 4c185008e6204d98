// What is said at a table, as it stands there.
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import type { AnyHandle, SignalNote } from "../../sdk";
import { Chat } from "./Chat";

afterEach(cleanup);

/** A host that tells everybody, or everybody else, what somebody said. */
function room() {
  const ears = new Set<(note: SignalNote) => void>();
  const said: unknown[] = [];
  const handle: AnyHandle = {
    signal: (signal) => void said.push(signal),
    onSignal: (fn) => (ears.add(fn), () => void ears.delete(fn)),
  };
  const hear = (id: string, signal: unknown, name = "") => act(() => ears.forEach((fn) => fn({ from: { id, name }, signal })));
  return { handle, said, hear };
}

const show = (handle: AnyHandle) =>
  render(<Chat handle={handle} me="ana" nameOf={(id) => (id === "bo" ? "Bo" : undefined)} />);
const lines = () => [...screen.getByRole("log").children].map((line) => line.textContent);

it("shows one's own words once, whether the host tells them back or not", () => {
  const { handle, said, hear } = room();
  show(handle);
  fireEvent.change(screen.getByLabelText("Say something"), { target: { value: " Hello " } });
  fireEvent.click(screen.getByRole("button", { name: "Say" }));
  expect(lines()).toEqual(["You Hello"]);
  hear("ana", said[0]);
  expect(lines()).toEqual(["You Hello"]);
  // Said in another tab of the same guest.
  hear("ana", { chat: "Hello" });
  expect(lines()).toEqual(["You Hello", "You Hello"]);
});

it("calls people as they sit, and shows what they said as text", () => {
  const { handle, hear } = room();
  show(handle);
  hear("bo", { chat: "<b>Hi</b>" });
  hear("zoe", { reaction: "Nice" });
  expect(lines()).toEqual(["Bo <b>Hi</b>", "A guest (watching) Nice"]);
});

it("tells a guest from the player whose name they took", () => {
  const { handle, hear } = room();
  show(handle);
  hear("bo", { chat: "I play the general" }, "Robert");
  hear("zoe", { chat: "I play the soldier" }, "Bo");
  expect(lines()).toEqual(["Bo I play the general", "Bo (watching) I play the soldier"]);
});

it("asks whoever says too much to wait", () => {
  const { handle, said } = room();
  show(handle);
  for (let n = 0; n < 9; n += 1) fireEvent.click(screen.getByRole("button", { name: "Nice" }));
  expect(said).toHaveLength(8);
  expect(screen.getByRole("status").textContent).toBe("A little slower, please.");
});
