import { DormouseProvider } from "@dormouse/react";
import { act, renderHook } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { AnyRoom, Client, LineStatus } from "../sdk";
import { GRACE_MS } from "./useCalm";
import { useLine } from "./useLine";

const NONE: ReadonlySet<number> = new Set();
const note = (seq: number) => ({ kind: "tail", missed: 0, position: `1:${seq}:00000000000000aa`, at: 0 }) as const;
const room = (status: LineStatus, seq: number): AnyRoom => ({ status, position: note(seq).position, resumed: note(seq) });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A room that is live and was looked at for a while; `say` is what its client knows next. */
function looking() {
  const client = { error: null as { name: string } | null };
  const wrapper = ({ children }: { children: ReactNode }) => (
    <DormouseProvider client={client as unknown as Client}>{children}</DormouseProvider>
  );
  const { result, rerender } = renderHook((now: AnyRoom) => useLine(now, NONE), { wrapper, initialProps: room("live", 5) });
  const say = (status: LineStatus, error: string | null, seq = 5) => {
    client.error = error === null ? null : { name: error };
    rerender(room(status, seq));
    return [result.current.tone, result.current.note];
  };
  act(() => void vi.advanceTimersByTime(20_000));
  return { say, result };
}

it("says nothing of a line that was closed and is back at once", () => {
  const { say } = looking();
  expect(say("offline", "line_closed")).toEqual(["live", ""]);
  act(() => void vi.advanceTimersByTime(GRACE_MS - 1));
  expect(say("replaying", "line_closed")).toEqual(["live", ""]);
  expect(say("live", null, 6)).toEqual(["live", ""]);
});

it("says that a line is away once that lasts, and then what passed", () => {
  const { say, result } = looking();
  say("offline", "line_closed");
  act(() => void vi.advanceTimersByTime(GRACE_MS));
  expect(result.current.tone).toBe("offline");
  expect(say("live", null, 6)).toEqual(["live", "You are up to date. Nothing happened while you were away."]);
});

it("says at once that somebody pulled the plug", () => {
  expect(looking().say("offline", null)).toEqual(["offline", ""]);
});
