// A rematch: what the new room is made with, and what becomes of it when somebody else was first.
import { DormouseError } from "@dormouse/client";
import { describe, expect, it, vi } from "vitest";
import { openRematch, type Tables } from "./rematch";
import { sample } from "./table/sample";

function world(send: () => Promise<unknown>) {
  const told = vi.fn(async () => ({ position: "1:2:0000000000000000" }));
  const create = vi.fn(async () => ({ id: "next" }));
  const tables = { create, get: vi.fn(() => ({ send: told })) } as unknown as Tables;
  const over = { id: "old", view: sample({ pace: "fast", private: true }), name: "Ana", send: vi.fn(send) };
  return { tables, over, create, told };
}

const refusal = (reason: string) => new DormouseError({ code: 4500, name: "rejected", message: reason, kind: "stop", reason });

describe("a rematch", () => {
  it("has the same settings and bots, and the old room names it", async () => {
    const { tables, over, create, told } = world(async () => ({}));
    expect(await openRematch(tables, over)).toBe("next");
    const config = { mode: "first_to_50", pace: "fast", private: true, bots: "hard", name: "Ana" };
    expect(create).toHaveBeenCalledWith(config, { key: "rematch-old" });
    expect(over.send).toHaveBeenCalledWith({ type: "rematch", room: "next" });
    expect(told).not.toHaveBeenCalled();
  });

  it("that comes second leaves no empty table behind", async () => {
    const { tables, over, told } = world(() => Promise.reject(refusal("rematch_stands")));
    expect(await openRematch(tables, over)).toBeUndefined();
    expect(told).toHaveBeenCalledWith({ type: "leave_room" });
  });

  it("keeps its room when word of it fails otherwise, for the next try", async () => {
    const { tables, over, told } = world(() => Promise.reject(refusal("game_not_over")));
    await expect(openRematch(tables, over)).rejects.toThrow("game_not_over");
    expect(told).not.toHaveBeenCalled();
  });
});
