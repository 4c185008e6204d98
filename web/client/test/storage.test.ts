import { describe, expect, it } from "vitest";
import { createClient } from "../src/client.js";
import { leases, webLocks } from "../src/storage/locks.js";
import { Outboxes } from "../src/storage/outboxes.js";
import type { Client, Kinds } from "../src/types.js";
import { FakeHost } from "./support/host.js";
import { FakeClock, MemoryStorage, seeded, tokenFor } from "./support/world.js";

function house() {
  const clock = new FakeClock();
  const host = new FakeHost(clock);
  const storage = new MemoryStorage();
  const random = seeded(11);
  const tab = (sub = "ada"): Client<Kinds> =>
    createClient({
      endpoint: "http://host", clock, storage, random, fetch: host.fetch, WebSocket: host.WebSocket as never,
      token: () => tokenFor(sub),
    });
  return { clock, host, storage, tab };
}
const quietly = (promise: Promise<unknown>): void => void promise.catch(() => undefined);
const ids = (host: FakeHost): string[] => host.sends.map((frame) => frame.command_id);

describe("the outbox in storage", () => {
  it("is adopted after a reload: what waited is sent under its old id, and numbers go on", async () => {
    const { clock, host, tab } = house();
    const before = tab();
    await clock.pass(1000);
    host.answering = false;
    quietly(before.actor("list").get("a").send({ text: "one" }));
    await clock.pass(10);
    before.unplug();
    quietly(before.actor("list").get("a").send({ text: "two" }));
    before.close();
    host.answering = true;
    const after = tab();
    await clock.pass(10);
    quietly(after.actor("list").get("a").send({ text: "three" }));
    await clock.pass(1000);
    expect(host.hellos.map((hello) => hello.outbox)).toEqual([undefined, "ob-1"]);
    expect(ids(host)).toEqual(["ob-1:1", "ob-1:1", "ob-1:2", "ob-1:3"]);
    expect(host.actor("list/a").log).toEqual(["one", "two", "three"]);
    after.close();
    const third = tab();
    await clock.pass(1000);
    quietly(third.actor("list").get("a").send({ text: "four" }));
    await clock.pass(100);
    expect(ids(host).at(-1)).toBe("ob-1:4");
    third.close();
  });

  it("is never shared by two tabs", async () => {
    const { clock, host, tab } = house();
    const tabs = [tab(), tab()];
    await clock.pass(1000);
    tabs.forEach((it, at) => quietly(it.actor("list").get("a").send({ text: `tab ${at}` })));
    await clock.pass(1000);
    expect(ids(host).sort()).toEqual(["ob-1:1", "ob-2:1"]);
    expect(host.actor("list/a").log).toHaveLength(2);
    tabs.forEach((it) => it.close());
  });

  it("of a tab that was closed is emptied by one that lives, under the ids it has", async () => {
    const { clock, host, storage, tab } = house();
    const [closing, living] = [tab(), tab()];
    await clock.pass(1000);
    closing.unplug();
    quietly(closing.actor("list").get("a").send({ text: "left behind" }));
    closing.close();
    await clock.pass(31_000);
    expect(host.actor("list/a").log).toEqual(["left behind"]);
    const posted = host.requests.filter(({ path }) => path.endsWith("/commands"));
    expect(posted).toMatchObject([{ body: { command_id: "ob-1:1", command: { text: "left behind" } } }]);
    expect(JSON.parse(storage.getItem("dormouse:http://host:ada:0") ?? "")).toMatchObject({ next_n: 2, commands: [] });
    await clock.pass(31_000);
    expect(host.actor("list/a").log).toHaveLength(1);
    living.close();
  });

  it("of a tab that was closed, as old as the host remembers none: what was never sent goes out from this tab's", async () => {
    const { clock, host, tab } = house();
    const [closing, living] = [tab(), tab()];
    await clock.pass(1000);
    host.answering = false;
    quietly(closing.actor("list").get("a").send({ text: "sent" }));
    await clock.pass(10);
    closing.unplug();
    quietly(closing.actor("list").get("a").send({ text: "left behind" }));
    closing.close();
    host.answering = true;
    host.forgotten.add("ob-1");
    await clock.pass(31_000);
    expect(host.sends.map((frame) => frame.command_id)).toEqual(["ob-1:1", "ob-2:1"]);
    expect(host.actor("list/a").log).toEqual(["left behind"]);
    living.close();
  });

  it("belongs to one principal", async () => {
    const { clock, host, tab } = house();
    const ada = tab("ada");
    await clock.pass(1000);
    ada.unplug();
    quietly(ada.actor("list").get("a").send({ text: "Ada's" }));
    ada.close();
    const bo = tab("bo");
    await clock.pass(40_000);
    expect([host.hellos.at(-1)?.outbox, host.actor("list/a").log]).toEqual([undefined, []]);
    bo.close();
  });

  it("that cannot be written is not left behind half, and commands go out all the same", async () => {
    const { clock, host, storage, tab } = house();
    const ada = tab();
    await clock.pass(1000);
    storage.full = true;
    const sent = ada.actor("list").get("a").send({ text: "milk" });
    await clock.pass(100);
    await sent;
    expect(host.actor("list/a").log).toEqual(["milk"]);
    expect(storage.getItem("dormouse:http://host:ada:0")).toBeNull();
    storage.full = false;
    ada.close();
  });

  it("that another tab took while this one was frozen is let go before anything is sent", async () => {
    const { clock, host, storage, tab } = house();
    const frozen = tab();
    await clock.pass(1000);
    storage.setItem("dormouse:http://host:ada:0:lease", `thief|${clock.now() + 150_000}`);
    const sent = expect(frozen.actor("list").get("a").send({ text: "milk" })).rejects.toMatchObject({ name: "outbox_taken" });
    await clock.pass(2000);
    await sent;
    expect(ids(host)).toEqual([]);
    const again = frozen.actor("list").get("a").send({ text: "milk" });
    await clock.pass(1000);
    await again;
    expect(ids(host)).toEqual(["ob-2:1"]);
    frozen.close();
  });

  it("has as many slots as tabs may be open; one more tab lives without", async () => {
    const { clock, storage } = house();
    const outboxes = new Outboxes(storage, leases(storage, clock, seeded(1)), "p");
    const slots = [];
    for (let n = 0; n < 17; n += 1) {
      const slot = outboxes.take();
      await clock.pass(1000);
      slots.push(await slot);
    }
    expect(slots.map((slot) => slot !== null)).toEqual([...Array(16).fill(true), false]);
  });
});

describe("locks", () => {
  it("as leases: one holder, also when two ask at the same moment; free after release, or when it ran out", async () => {
    const clock = new FakeClock();
    const storage = new MemoryStorage();
    const locks = leases(storage, clock, seeded(3));
    const asked = [locks.take("x"), locks.take("x")];
    await clock.pass(50);
    const held = (await Promise.all(asked)).filter((it) => it !== null);
    expect(held).toHaveLength(1);
    await clock.pass(400_000);
    expect([held[0]?.isHeld(), await locks.take("x")]).toEqual([true, null]);
    held[0]?.release();
    const next = locks.take("x");
    await clock.pass(50);
    expect((await next)?.isHeld()).toBe(true);
    storage.setItem("x:lease", `crashed|${clock.now() + 150_000}`);
    await clock.pass(150_001);
    const last = locks.take("x");
    await clock.pass(50);
    expect(await last).not.toBeNull();
  });

  it("as leases: of two that both saw it free, the one that wrote last has it", async () => {
    const clock = new FakeClock();
    const storage = new MemoryStorage();
    let blind = 2;
    const read = storage.getItem.bind(storage);
    storage.getItem = (key) => ((blind -= 1) >= 0 ? null : read(key));
    const locks = leases(storage, clock, seeded(4));
    const asked = [locks.take("x"), locks.take("x")];
    await clock.pass(50);
    expect((await Promise.all(asked)).map((held) => held !== null)).toEqual([false, true]);
  });

  it("of the browser: held until released, never waited for", async () => {
    const holders = new Set<string>();
    const request = async (name: string, _options: unknown, fn: (lock: unknown) => unknown): Promise<unknown> => {
      if (holders.has(name)) return fn(null);
      holders.add(name);
      return Promise.resolve(fn({})).finally(() => holders.delete(name));
    };
    const locks = webLocks({ request });
    const held = await locks.take("x");
    expect([held?.isHeld(), await locks.take("x")]).toEqual([true, null]);
    held?.release();
    await new Promise((resolve) => setTimeout(resolve));
    expect(await locks.take("x")).not.toBeNull();
  });
});
