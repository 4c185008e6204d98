import { describe, expect, it } from "vitest";
import { createClient } from "../src/client.js";
import type { ActorTypes, Client, Handle, Restored } from "../src/types.js";
import { FakeHost, type ListView } from "./support/host.js";
import { FakeClock, MemoryStorage, seeded, tokenFor } from "./support/world.js";

interface List extends ActorTypes {
  command: { text: string };
  view: ListView;
}
type Told = Restored<List["command"]>;

const shown = (text: string) => (view: ListView): ListView => ({ ...view, items: { ...view.items, [`~${text}`]: text } });
const quietly = (promise: Promise<unknown>): void => void promise.catch(() => undefined);

/** A page that went away with these commands in its outbox, and the next one. */
async function reloaded(...texts: string[]) {
  const clock = new FakeClock();
  const host = new FakeHost(clock);
  const storage = new MemoryStorage();
  let user = "ada";
  const page = (): Client<{ list: List }> =>
    createClient({
      endpoint: "http://host", clock, storage, random: seeded(3), fetch: host.fetch, transport: "ws",
      WebSocket: host.WebSocket as never, token: () => tokenFor(user),
    });
  const before = page();
  await clock.pass(1000);
  before.unplug();
  for (const text of texts) quietly(before.actor("list").get("a").send({ text }));
  before.close();
  host.up = false;
  const after = page();
  return { clock, host, after, list: after.actor("list").get("a"), become: (name: string) => void (user = name) };
}

function taker(list: Handle<List>) {
  const told: Told[] = [];
  const off = list.onRestored((restored) => {
    told.push(restored);
    return { optimistic: shown(restored.command.text) };
  });
  return { told, off, texts: () => told.map(({ command }) => command.text) };
}

describe("a command that an earlier page left", () => {
  it("is told once, to the first who asks for those of its actor, and shown as if it had been sent here", async () => {
    const { clock, host, after, list } = await reloaded("milk", "eggs");
    const other = taker(after.actor("list").get("b"));
    const sub = list.subscribe();
    await clock.pass(1000);
    expect([sub.status, sub.pending.length]).toEqual(["offline", 2]);
    const [first, second] = [taker(list), taker(list)];
    expect([first.texts(), second.texts(), other.texts()]).toEqual([["milk", "eggs"], [], []]);
    expect(first.told.map(({ sent }) => sent)).toEqual([false, false]);
    host.up = true;
    const hellos = host.hellos.length;
    while (host.hellos.length === hellos) await clock.pass(1);
    host.answering = false;
    await clock.pass(1000);
    expect(sub.view?.items).toEqual({ "~milk": "milk", "~eggs": "eggs" });
    expect(sub.pending.map((pending) => pending.shown)).toEqual([true, true]);
    host.answering = true;
    await clock.pass(20_000);
    expect(await Promise.all(first.told.map(({ answer }) => answer))).toHaveLength(2);
    expect([sub.view, sub.pending]).toEqual([host.viewOf("list/a"), []]);
    expect(host.actor("list/a").log).toEqual(["milk", "eggs"]);
  });

  it("is told to one who asked before the outbox was read", async () => {
    const { clock, list } = await reloaded("milk");
    const { told, texts } = taker(list);
    expect(texts()).toEqual([]);
    await clock.pass(100);
    expect(texts()).toEqual(["milk"]);
    expect(told[0]?.sent).toBe(false);
  });

  it("that was refused before anybody asked is told all the same, and rolled back", async () => {
    const { clock, host, list } = await reloaded("bad", "eggs");
    host.up = true;
    await clock.pass(5000);
    expect(host.actor("list/a").log).toEqual(["eggs"]);
    const sub = list.subscribe();
    const { told } = taker(list);
    await expect(told[0]?.answer).rejects.toMatchObject({ name: "rejected", reason: "bad" });
    expect(await told[1]?.answer).toMatchObject({ position: expect.any(String) as string });
    await clock.pass(100);
    expect(sub.view?.items).toEqual({ i1: "eggs" });
  });

  it("is nobody else's: after another sign-in it is not told", async () => {
    const { clock, host, after, list, become } = await reloaded("milk");
    await clock.pass(1000);
    become("bo");
    host.up = true;
    after.unplug();
    after.plug();
    await clock.pass(5000);
    expect([after.principal?.id, taker(list).texts(), host.actor("list/a").log]).toEqual(["bo", [], []]);
  });
});
