/** What goes wrong outside of the client: storage, clocks, tokens, proxies, hosts that talk nonsense. It lives on and loses nothing. */
import { describe, expect, it } from "vitest";
import { backoffMs } from "../src/backoff.js";
import { createClient } from "../src/client.js";
import { leases } from "../src/storage/locks.js";
import type { ActorTypes, Client, ClientOptions } from "../src/types.js";
import { FakeHost, type ListView } from "./support/host.js";
import { FakeClock, MemoryStorage, seeded, settle, tokenFor, type FakeSocket, type Wire } from "./support/world.js";

interface List extends ActorTypes {
  command: { text: string };
  view: ListView;
}

function house() {
  const clock = new FakeClock();
  const host = new FakeHost(clock);
  const storage = new MemoryStorage();
  const base = { endpoint: "http://host", clock, storage, random: seeded(9), fetch: host.fetch };
  const client = (options: ClientOptions = {}): Client<{ list: List }> =>
    createClient({ ...base, WebSocket: host.WebSocket as never, token: () => tokenFor("ada"), ...options });
  return { clock, host, storage, client };
}
const SLOT = "dormouse:http://host:ada:0";
const list = (client: Client<{ list: List }>) => client.actor("list").get("a");
const quietly = (promise: Promise<unknown>): void => void promise.catch(() => undefined);
const ids = (host: FakeHost): string[] => host.sends.map((frame) => frame.command_id);

describe("a clock", () => {
  it("that is set back an hour puts nothing off by an hour", async () => {
    const { clock, host, client } = house();
    const real = { now: () => clock.now() - back, after: clock.after.bind(clock) };
    let back = 0;
    const ada = client({ clock: real });
    await clock.pass(1000);
    host.up = false;
    host.cutAll();
    await clock.pass(100);
    back = 3_600_000;
    host.up = true;
    await clock.pass(5000);
    expect(ada.status).toBe("live");
    host.answering = false;
    quietly(list(ada).send({ text: "milk" }));
    await clock.pass(100);
    back = 7_200_000;
    host.answering = true;
    await clock.pass(60_000);
    expect([ada.waiting, ids(host)]).toEqual([0, ["ob-1:1", "ob-1:1"]]);
  });

  it("that is years ahead does not make another guest of every connect", async () => {
    const { clock, host, client } = house();
    const ahead = { now: () => clock.now() + 1e11, after: clock.after.bind(clock) };
    const guest = client({ clock: ahead, token: undefined });
    await clock.pass(1000);
    for (let cuts = 0; cuts < 3; cuts += 1) {
      host.cutAll();
      await clock.pass(5000);
    }
    expect([guest.status, guest.principal?.id]).toEqual(["live", "g-1"]);
    expect(host.requests.filter(({ path }) => path === "/v1/guest")).toHaveLength(1);
  });
});

describe("a storage", () => {
  it("that throws at every touch is as none", async () => {
    const { clock, host, client } = house();
    const deny = (): never => {
      throw new Error("SecurityError");
    };
    const ada = client({ storage: { getItem: deny, setItem: deny, removeItem: deny } });
    const sent = list(ada).send({ text: "milk" });
    await clock.pass(200_000);
    await sent;
    expect([ada.status, host.actor("list/a").log]).toEqual(["live", ["milk"]]);
    ada.close();
  });

  it("that begins to throw while commands wait costs none of them", async () => {
    const { clock, host, storage, client } = house();
    const ada = client();
    await clock.pass(1000);
    ada.unplug();
    const first = list(ada).send({ text: "milk" });
    storage.getItem = storage.setItem = storage.removeItem = () => {
      throw new Error("gone");
    };
    const second = list(ada).send({ text: "eggs" });
    await clock.pass(200_000);
    ada.plug();
    await clock.pass(1000);
    await Promise.all([first, second]);
    expect(host.actor("list/a").log).toEqual(["milk", "eggs"]);
    ada.close();
  });

  it("that was full keeps the outbox again once there is room", async () => {
    const { clock, host, storage, client } = house();
    const ada = client();
    await clock.pass(1000);
    ada.unplug();
    storage.full = true;
    quietly(list(ada).send({ text: "milk" }));
    expect(storage.getItem(SLOT)).toBeNull();
    await clock.pass(200_000);
    storage.full = false;
    quietly(list(ada).send({ text: "eggs" }));
    await clock.pass(30_000);
    ada.close();
    const next = client();
    await clock.pass(1000);
    expect([next.waiting, host.actor("list/a").log]).toEqual([0, ["milk", "eggs"]]);
    next.close();
  });

  it("that was cleared keeps its tab: nobody else took the outbox", async () => {
    const { clock, storage } = house();
    const taking = leases(storage, clock, seeded(2)).take("x");
    await clock.pass(100);
    const held = await taking;
    storage.map.clear();
    expect(held?.isHeld()).toBe(true);
    await clock.pass(30_000);
    expect(await leases(storage, clock, seeded(3)).take("x")).toBeNull();
    held?.release();
  });

  it.each([
    ["no list", { v: 1, outbox: "ob-7", next_n: 3, commands: {} }],
    ["nothing for a command", { v: 1, outbox: "ob-7", next_n: 3, commands: [null] }],
    ["a command without an actor", { v: 1, outbox: "ob-7", next_n: 3, commands: [{ n: 1, command: {} }] }],
    ["a number that is still to come", { v: 1, outbox: "ob-7", next_n: 3, commands: [{ n: 3, actor: "list/a", command: {} }] }],
    ["an outbox that is no name", { v: 1, outbox: 7, next_n: 3, commands: [] }],
    ["a number below the first", { v: 1, outbox: "ob-7", next_n: 0, commands: [] }],
  ])("that holds %s is not believed", async (_, record) => {
    const { clock, host, storage, client } = house();
    storage.setItem(SLOT, JSON.stringify(record));
    const ada = client();
    const sent = list(ada).send({ text: "milk" });
    await clock.pass(1000);
    await sent;
    expect([host.hellos[0]?.outbox, ids(host)]).toEqual([undefined, ["ob-1:1"]]);
    ada.close();
  });

  it("that went back to an older state costs no command: used numbers lead to a new outbox", async () => {
    const { clock, host, storage, client } = house();
    const before = client();
    await clock.pass(1000);
    const backup = storage.getItem(SLOT) as string;
    for (const text of ["one", "two"]) {
      quietly(list(before).send({ text }));
      await clock.pass(100);
    }
    before.close();
    storage.setItem(SLOT, backup);
    const after = client();
    const sent = list(after).send({ text: "three" });
    await clock.pass(2000);
    expect(await sent).not.toHaveProperty("again");
    expect(ids(host)).toEqual(["ob-1:1", "ob-1:2", "ob-1:1", "ob-2:1"]);
    quietly(list(after).send({ text: "four" }));
    await clock.pass(1000);
    expect([host.actor("list/a").log, after.waiting]).toEqual([["one", "two", "three", "four"], 0]);
    after.close();
  });
});

describe("a token function", () => {
  it("that throws at once, and one that never answers, are asked again", async () => {
    const { clock, client } = house();
    let asked = 0;
    const token = (): string | Promise<string> => {
      asked += 1;
      if (asked === 1) throw new Error("not signed in");
      return asked === 2 ? new Promise<string>(() => undefined) : tokenFor("ada");
    };
    const ada = client({ token });
    await clock.pass(10);
    expect([ada.status, ada.error?.message]).toEqual(["offline", "not signed in"]);
    await clock.pass(30_000);
    expect([ada.status, asked]).toEqual(["live", 3]);
  });
});

describe("a host", () => {
  it("that closes in the middle of many sends is sent each of them once", async () => {
    const { clock, host, client } = house();
    const ada = client();
    await clock.pass(1000);
    const onFrame = host.onFrame.bind(host);
    let taken = 0;
    host.onFrame = (wire: Wire, frame) => {
      onFrame(wire, frame);
      if (frame.action === "send" && [3, 8, 12].includes((taken += 1))) wire.cut();
    };
    const sent = Array.from({ length: 10 }, (_, at) => list(ada).send({ text: `t${at}` }));
    await clock.pass(60_000);
    expect((await Promise.all(sent)).some((answer) => answer.again === true)).toBe(true);
    expect(host.actor("list/a").log).toEqual(Array.from({ length: 10 }, (_, at) => `t${at}`));
  });

  it("that forgot an outbox as old as ours carries out each command once, from a new one", async () => {
    const { clock, host, storage, client } = house();
    const first = client();
    await clock.pass(1000);
    first.close();
    host.forgotten.add("ob-1");
    const ada = client();
    const sub = list(ada).subscribe();
    await clock.pass(1000);
    const sent = ["milk", "eggs"].map((text) => list(ada).send({ text }, { optimistic: (view) => ({ ...view, items: { ...view.items, [text]: text } }) }));
    const seen = new Set<string>();
    sub.onChange(() => seen.add([...new Set(Object.values(sub.view?.items ?? {}))].sort().join()));
    await clock.pass(2000);
    await Promise.all(sent);
    expect([ids(host), host.actor("list/a").log]).toEqual([["ob-1:1", "ob-1:2", "ob-2:1", "ob-2:2"], ["milk", "eggs"]]);
    // Nothing was taken back in sight, and the next page goes on with the new one.
    expect([[...seen], ada.waiting]).toEqual([["eggs,milk"], 0]);
    expect(JSON.parse(storage.getItem(SLOT) ?? "")).toMatchObject({ outbox: "ob-2", next_n: 3, commands: [] });
    ada.close();
  });

  it.each(["", "{", "null", "[]", '"x"', '{"type":7}', '{"type":"accepted"}', '{"type":"snapshot","actor":"list/a"}', "[object Blob]"])(
    "that says %j is left, and found again",
    async (garbage) => {
      const { clock, host, client } = house();
      const sockets: FakeSocket[] = [];
      const Plain = host.WebSocket;
      const WebSocket = class extends Plain {
        constructor(url: string) {
          super(url);
          sockets.push(this);
        }
      };
      const ada = client({ WebSocket: WebSocket as never });
      const sub = list(ada).subscribe();
      await clock.pass(1000);
      sockets[0]?.onmessage?.({ data: garbage });
      await settle();
      expect(ada.status).toBe("offline");
      await clock.pass(2000);
      expect([ada.status, sub.status, sockets.length]).toEqual(["live", "live", 2]);
    },
  );

  it("behind a proxy that answers in its place is waited for, whatever the proxy says", async () => {
    const { clock, host, client } = house();
    host.socketsWork = false;
    let proxy: number | null = 404;
    const fetch = async (url: string, init?: RequestInit): Promise<Response> =>
      proxy === null ? host.fetch(url, init) : new Response("<h1>Sign in to this WLAN</h1>", { status: proxy });
    const guest = client({ fetch, token: undefined });
    for (const status of [404, 403, 502]) {
      proxy = status;
      await clock.pass(20_000);
      expect([status, guest.status === "closed", guest.error?.name]).toEqual([status, false, "unexpected_answer"]);
    }
    proxy = null;
    await clock.pass(60_000);
    expect(guest.status).toBe("live");
  });
});

describe("a storm of reconnects", () => {
  it("is spread over half of each delay, and after retry_after too", () => {
    const random = seeded(5);
    const spread = (attempt: number, retryAfter?: number): [number, number, number] => {
      const delays = Array.from({ length: 2000 }, () => backoffMs(attempt, random(), retryAfter));
      const [low, high] = [Math.min(...delays), Math.max(...delays)];
      const width = (high - low) / 10;
      const fullest = Math.max(...Array.from({ length: 10 }, (_, at) => delays.filter((it) => it >= low + at * width && it < low + (at + 1) * width).length));
      return [low, high, fullest];
    };
    for (const [attempt, retryAfter, from, to] of [[0, undefined, 125, 250], [3, undefined, 1000, 2000], [9, undefined, 10_000, 20_000], [0, 3000, 3000, 3250]] as const) {
      const [low, high, fullest] = spread(attempt, retryAfter);
      expect([low >= from, high <= to, high - low > 0.9 * (to - from), fullest < 300]).toEqual([true, true, true, true]);
    }
  });
});
