import { describe, expect, it, vi } from "vitest";
import { createClient } from "../src/client.js";
import { wait } from "../src/clock.js";
import type { ActorTypes, Client, ClientOptions, EventsUpdate, ViewUpdate } from "../src/types.js";
import { FakeHost, type ListView } from "./support/host.js";
import { pos } from "./support/script.js";
import { FakeClock, MemoryStorage, seeded, tokenFor } from "./support/world.js";

interface List extends ActorTypes {
  command: { text: string };
  event: { type: string; text: string };
  view: ListView;
}
type Lists = { list: List };

function house(): { clock: FakeClock; host: FakeHost; storage: MemoryStorage; client: (options?: ClientOptions) => Client<Lists> } {
  const clock = new FakeClock();
  const host = new FakeHost(clock);
  const storage = new MemoryStorage();
  const base = { endpoint: "http://host", clock, storage, random: seeded(7), fetch: host.fetch };
  const client = (options: ClientOptions = {}): Client<Lists> =>
    createClient<Lists>({ ...base, WebSocket: host.WebSocket as never, token: () => tokenFor("ada"), ...options });
  return { clock, host, storage, client };
}
const attempt = (fn: () => void, failed: (error: unknown) => void): void => {
  try {
    fn();
  } catch (error) {
    failed(error);
  }
};
const add = (text: string) => ({ optimistic: (view: ListView): ListView => ({ ...view, items: { ...view.items, [`new-${text}`]: text } }) });

describe("a client", () => {
  it("connects, shows a view, and sends a command that everybody sees", async () => {
    const { clock, client, host } = house();
    const [ada, bo] = [client(), client({ token: () => tokenFor("bo") })];
    const seen: string[] = [];
    ada.onStatus((status) => seen.push(status));
    const mine = ada.actor("list").get("a").subscribe();
    const theirs = bo.actor("list").get("a").subscribe();
    await clock.pass(1000);
    expect([seen, ada.principal?.id, mine.status, mine.view]).toEqual([["live"], "ada", "live", { items: {}, count: 0 }]);
    const sent = ada.actor("list").get("a").send({ text: "milk" }, add("milk"));
    expect(mine.view?.items).toEqual({ "new-milk": "milk" });
    expect(mine.confirmed?.items).toEqual({});
    expect([ada.waiting, mine.pending]).toEqual([1, [{ id: "ob-1:1", command: { text: "milk" }, state: "sent", shown: true }]]);
    await clock.pass(100);
    expect(await sent).toMatchObject({ position: pos(1) });
    expect([mine.view, theirs.view, mine.pending, ada.waiting]).toEqual([host.viewOf("list/a"), host.viewOf("list/a"), [], 0]);
  });

  it("rolls a refused command back, and says why", async () => {
    const { clock, client } = house();
    const handle = client().actor("list").get("a");
    const sub = handle.subscribe();
    await clock.pass(1000);
    const sent = handle.send({ text: "bad" }, add("bad"));
    expect(sub.view?.items).toEqual({ "new-bad": "bad" });
    const refused = expect(sent).rejects.toMatchObject({ code: 4440, name: "rejected", reason: "bad", kindOfError: "stop" });
    await clock.pass(100);
    await refused;
    expect([sub.view?.items, sub.pending]).toEqual([{}, []]);
  });

  it("keeps a command through a pulled plug, and carries it out once", async () => {
    const { clock, client, host } = house();
    const ada = client();
    const handle = ada.actor("list").get("a");
    const sub = handle.subscribe();
    await clock.pass(1000);
    host.answering = false;
    const sent = handle.send({ text: "milk" });
    await clock.pass(100);
    ada.unplug();
    host.answering = true;
    host.decide("list/a", "ob-1:1", { text: "milk" });
    host.decide("list/a", "other:1", { text: "eggs" });
    await clock.pass(60_000);
    expect([ada.status, sub.status, ada.waiting]).toEqual(["offline", "offline", 1]);
    ada.plug();
    await clock.pass(1000);
    expect(await sent).toMatchObject({ position: pos(1), again: true });
    expect(host.sends.map((frame) => frame.command_id)).toEqual(["ob-1:1", "ob-1:1"]);
    expect(host.actor("list/a").log).toEqual(["milk", "eggs"]);
    expect([sub.view?.count, sub.resumed]).toMatchObject([2, { kind: "snapshot", missed: 2 }]);
  });

  it("asks for the token at every connect", async () => {
    const { clock, client, host } = house();
    let asked = 0;
    const ada = client({ token: () => tokenFor(`ada`) + `-${(asked += 1)}` });
    await clock.pass(100);
    host.cutAll();
    await clock.pass(1000);
    host.refuseTokens.add(`${tokenFor("ada")}-3`);
    host.cutAll();
    await clock.pass(2000);
    expect(host.hellos.map((hello) => hello.token.split("-").at(-1))).toEqual(["1", "2", "3", "4"]);
    expect(host.hellos.at(-1)?.outbox).toBe("ob-1");
    expect(ada.status).toBe("live");
  });

  it("stays a client when its token function fails", async () => {
    const { clock, client } = house();
    let works = false;
    const ada = client({ token: () => (works ? tokenFor("ada") : Promise.reject(new Error("no network"))) });
    await clock.pass(5000);
    expect([ada.status, ada.error?.name]).toEqual(["offline", "token_failed"]);
    works = true;
    await clock.pass(20_000);
    expect([ada.status, ada.error]).toEqual(["live", null]);
  });

  it("becomes one guest, keeps being it, and a new one when it is refused", async () => {
    const { clock, client, host } = house();
    const first = client({ token: undefined, name: "Ada" });
    const created = first.actor("list").create();
    await clock.pass(500);
    expect((await created).id).toBe("new");
    const guests = () => host.requests.filter(({ path }) => path === "/v1/guest");
    expect(guests()).toMatchObject([{ body: { name: "Ada" }, token: null }]);
    first.close();
    const second = client({ token: undefined });
    await clock.pass(500);
    expect([second.principal?.id, guests().length]).toEqual(["g-1", 1]);
    host.refuseTokens.add(tokenFor("g-1"));
    host.cutAll();
    await clock.pass(5000);
    expect([second.principal?.id, second.status, guests().length]).toEqual(["g-2", "live", 2]);
  });

  it("becomes one guest though it connects and asks at the same time, without storage too", async () => {
    const { clock, client, host } = house();
    const slow = (url: string, init?: RequestInit) => wait(clock, 10).then(() => host.fetch(url, init));
    const guest = client({ token: undefined, storage: null, fetch: slow });
    const asked = guest.kinds();
    await clock.pass(500);
    await asked;
    expect([guest.status, host.requests.filter(({ path }) => path === "/v1/guest").length]).toEqual(["live", 1]);
  });

  it("closes for good: iterators end, what waits is answered", async () => {
    const { clock, client } = house();
    const ada = client();
    const sub = ada.actor("list").get("a").subscribe();
    const waiting = expect(ada.actor("list").get("a").send({ text: "milk" })).rejects.toMatchObject({ name: "closed" });
    ada.close();
    await waiting;
    expect(await sub[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
    await clock.pass(60_000);
    expect([ada.status, sub.status, sub.error]).toEqual(["closed", "closed", null]);
  });

  it("does not take a command that no frame can carry, and copies the one it takes", async () => {
    const { clock, client, host } = house();
    const handle = client().actor("list").get("a");
    await expect(handle.send({ text: "x".repeat(65_536) })).rejects.toMatchObject({ name: "too_large", kindOfError: "stop" });
    const command = { text: "milk" };
    const sent = handle.send(command);
    command.text = "changed";
    await clock.pass(1000);
    await sent;
    expect(host.actor("list/a").log).toEqual(["milk"]);
  });

  it("tells signals to those who listen", async () => {
    const { clock, client } = house();
    const handle = client().actor("list").get("a");
    const heard: unknown[] = [];
    const off = handle.onSignal((note) => heard.push(note));
    handle.signal({ lost: true });
    await clock.pass(100);
    handle.signal({ typing: true });
    await clock.pass(100);
    off();
    handle.signal({ typing: false });
    await clock.pass(100);
    expect(heard).toEqual([{ from: { id: "ada", name: "ada" }, signal: { typing: true } }]);
    expect(() => handle.signal("x".repeat(5000))).toThrow(/4096/);
  });

  it("tells everybody though somebody throws, and the page hears what was thrown", async () => {
    const { clock, client, host } = house();
    const [soon, thrown] = [queueMicrotask, new Set<unknown>()];
    const careful = (fn: () => void) => soon(() => attempt(fn, (error) => thrown.add(String(error))));
    const spy = vi.spyOn(globalThis, "queueMicrotask").mockImplementation(careful);
    const ada = client();
    const handle = ada.actor("list").get("a");
    const subs = [handle.subscribe(), handle.subscribe()];
    const heard = new Set<string>();
    const fail = (where: string) => (): void => {
      throw new Error(where);
    };
    const listen = (on: (where: string) => () => void): void => {
      for (const sub of subs) [sub.on(on("view")), sub.onChange(on("change"))];
      [ada.onStatus(on("status")), ada.onChange(on("client")), handle.onSignal(on("signal"))];
      handle.subscribe({ as: "events" }).on(on("events"));
    };
    listen(fail);
    listen((where) => () => void heard.add(where));
    await clock.pass(1000);
    handle.signal({});
    const sent = handle.send({ text: "milk" });
    await clock.pass(1000);
    await sent;
    const all = ["change", "client", "events", "signal", "status", "view"];
    expect([...heard].sort()).toEqual(all);
    expect([...thrown].sort()).toEqual(all.map((where) => `Error: ${where}`));
    expect(subs.map(({ view }) => view)).toEqual([host.viewOf("list/a"), host.viewOf("list/a")]);
    spy.mockRestore();
  });

  it("asks over HTTP once more, with a fresh token, when its token is refused", async () => {
    const { clock, client, host } = house();
    let token = "old";
    const ada = client({ token: () => token });
    await clock.pass(100);
    host.refuseTokens.add("old");
    token = "new";
    expect(await ada.kinds()).toMatchObject({ app: "list" });
    expect(host.requests.map((request) => request.token)).toEqual(["old", "new"]);
    host.refuseTokens.add("new");
    await expect(ada.kinds()).rejects.toMatchObject({ code: 3401, kindOfError: "sign_in" });
  });

  it("asks over HTTP with a key that makes a second try of create safe", async () => {
    const { clock, client, host } = house();
    const ada = client();
    await clock.pass(100);
    host.up = false;
    const created = ada.actor("list").create({ title: "x" });
    await clock.pass(150);
    host.up = true;
    await clock.pass(5000);
    expect((await created).id).toBe("new");
    expect(await ada.actor("list").get("a").at(3)).toMatchObject({ query: { at_seq: "3" } });
    expect(await ada.kinds()).toMatchObject({ app: "list" });
    expect(() => ada.actor("list").get("a/b")).toThrow(TypeError);
  });
});

describe("a subscription", () => {
  it("is one on the wire, however many listen", async () => {
    const { clock, client, host } = house();
    const handle = client().actor("list").get("a");
    const subs = [handle.subscribe(), handle.subscribe(), handle.subscribe()];
    await clock.pass(100);
    expect([...host.connections.values()][0]?.subs.size).toBe(1);
    const late = handle.subscribe();
    expect([late.view, late.status]).toEqual([{ items: {}, count: 0 }, "live"]);
    subs.forEach((sub) => sub.close());
    await clock.pass(1000);
    expect([...host.connections.values()][0]?.subs.size).toBe(1);
    late.close();
    await clock.pass(1000);
    expect([...host.connections.values()][0]?.subs.size).toBe(0);
  });

  it("collapses views for a slow iterator to the newest", async () => {
    const { clock, client, host } = house();
    const sub = client().actor("list").get("a").subscribe();
    await clock.pass(100);
    for (let n = 1; n <= 50; n += 1) host.decide("list/a", `x:${n}`, { text: `t${n}` });
    await clock.pass(100);
    const iterator = sub[Symbol.asyncIterator]();
    const { value } = (await iterator.next()) as { value: ViewUpdate<ListView> };
    expect([value.view.count, value.position, value.reset]).toEqual([50, pos(50), false]);
    const next = iterator.next();
    host.decide("list/a", "x:51", { text: "t51" });
    await clock.pass(100);
    expect(((await next).value as ViewUpdate<ListView>).view.count).toBe(51);
  });

  it("gives its first listener, and an iterator, the view that is held", async () => {
    const { clock, client } = house();
    const handle = client().actor("list").get("a");
    const sub = handle.subscribe();
    await clock.pass(100);
    const views: number[] = [];
    sub.on(({ view }) => views.push(view.count));
    await clock.pass(1);
    expect(views).toEqual([0]);
    expect(((await sub[Symbol.asyncIterator]().next()).value as ViewUpdate<ListView>).view.count).toBe(0);
  });

  it("gives every listener of events its own place", async () => {
    const { clock, client, host } = house();
    for (let n = 1; n <= 5; n += 1) host.decide("list/a", `x:${n}`, { text: `t${n}` });
    const handle = client().actor("list").get("a");
    const heard: Record<string, string[]> = { next: [], all: [], three: [] };
    const hear = (name: string, from?: string) =>
      handle.subscribe({ as: "events", ...(from === undefined ? {} : { from }) }).on((update) => heard[name]?.push(...update.events.map(({ event }) => event.text)));
    hear("next");
    await clock.pass(100);
    hear("all", "start");
    await clock.pass(100);
    hear("three", pos(3));
    host.decide("list/a", "x:6", { text: "t6" });
    host.cutAll();
    await clock.pass(5000);
    expect(heard).toEqual({ next: ["t6"], all: ["t1", "t2", "t3", "t4", "t5", "t6"], three: ["t4", "t5", "t6"] });
  });

  it("that starts with the next event hears no old one, though the wire replays for another", async () => {
    const { clock, client, host } = house();
    host.grow("list/a", 3);
    const handle = client().actor("list").get("a");
    const all = handle.subscribe({ as: "events", from: "start" });
    const late: number[] = [];
    let joined = false;
    all.onChange(() => {
      if (joined || all.resumed?.kind !== "tail") return;
      joined = true;
      handle.subscribe({ as: "events" }).on((update) => late.push(...update.events.map(({ seq }) => seq)));
    });
    await clock.pass(100);
    host.grow("list/a", 1);
    await clock.pass(100);
    expect([joined, late]).toEqual([true, [4]]);
  });

  it("of events that nobody reads ends at 10,000 and names where to go on", async () => {
    const { clock, client, host } = house();
    const sub = client().actor("list").get("a").subscribe({ as: "events" });
    await clock.pass(100);
    host.grow("list/a", 10_001);
    await clock.pass(1000);
    expect([sub.status, sub.error?.name, sub.error?.position]).toEqual(["closed", "too_slow", "start"]);
    const handle = client().actor("list").get("b");
    const slow = handle.subscribe({ as: "events" });
    await clock.pass(100);
    for (let n = 1; n <= 101; n += 1) host.grow("list/b", 100);
    await clock.pass(1000);
    let read = 0;
    const reading = (async () => {
      for await (const update of slow as AsyncIterable<EventsUpdate<unknown>>) read += update.events.length;
    })();
    await expect(reading).rejects.toMatchObject({ name: "too_slow", kindOfError: "resubscribe", position: pos(10_000) });
    expect(read).toBe(10_000);
  });

  it("leaves a loop, and the wire, with break", async () => {
    const { clock, client, host } = house();
    const sub = client().actor("list").get("a").subscribe();
    await clock.pass(100);
    for await (const { view } of sub) {
      expect(view.count).toBe(0);
      break;
    }
    await clock.pass(1000);
    expect([sub.status, [...host.connections.values()][0]?.subs.size]).toEqual(["closed", 0]);
  });
});

describe("a list", () => {
  it("reads null as left out", async () => {
    const { client, host } = house();
    const row = { kind: "list", id: "a", title: "Market", awake: false };
    const fetch = async (url: string, init?: RequestInit): Promise<Response> =>
      url.endsWith("/v1/list") ? Response.json({ rows: [{ ...row, next_wake: null }], next: null }) : host.fetch(url, init);
    expect(await client({ fetch }).actor("list").list()).toEqual({ rows: [row] });
  });
});

describe("where sockets do not pass", () => {
  it("falls back to SSE and HTTP, resumes over it, and comes back to the socket", async () => {
    const { clock, client, host, storage } = house();
    const first = client();
    await clock.pass(100);
    first.close();
    expect(storage.getItem("dormouse:http://host:ada:0")).toContain("ob-1");
    host.socketsWork = false;
    const ada = client();
    const handle = ada.actor("list").get("a");
    const sub = handle.subscribe();
    const missing = handle.kind === "list" ? ada.actor("list").get("none").subscribe() : sub;
    await clock.pass(3000);
    expect([ada.status, ada.principal?.id, sub.view?.count]).toEqual(["live", "ada", 0]);
    expect([missing.status, missing.error?.code]).toEqual(["closed", 4404]);
    const sent = handle.send({ text: "milk" });
    await clock.pass(100);
    expect(await sent).toMatchObject({ position: pos(1) });
    const posts = host.requests.filter(({ path }) => path.endsWith("/commands"));
    expect(posts).toMatchObject([{ token: tokenFor("ada"), body: { command_id: "ob-1:1" } }]);
    const refused = expect(handle.send({ text: "bad" })).rejects.toMatchObject({ code: 4440 });
    await clock.pass(100);
    await refused;
    expect(sub.view).toEqual(host.viewOf("list/a"));
    host.cutAll();
    host.decide("list/a", "x:1", { text: "eggs" });
    await clock.pass(2000);
    expect([ada.status, sub.view?.count]).toEqual(["live", 2]);
    host.socketsWork = true;
    host.hellos.length = 0;
    await clock.pass(62_000);
    expect([host.hellos.length, ada.status]).toEqual([1, "live"]);
    ada.close();
  });

  it("works without WebSocket: the host says who one is and where commands go", async () => {
    const { clock, client, host } = house();
    const ada = client({ WebSocket: undefined, transport: "sse", storage: null });
    const sub = ada.actor("list").get("a").subscribe();
    await clock.pass(500);
    const sent = [ada.actor("list").get("a").send({ text: "milk" }), ada.actor("list").get("a").send({ text: "eggs" })];
    await clock.pass(200);
    await Promise.all(sent);
    expect([ada.status, ada.principal?.name, sub.view?.count]).toEqual(["live", "ada", 2]);
    const ids = host.requests.filter(({ path }) => path.endsWith("/commands")).map(({ body }) => body as { command_id?: string });
    expect(ids.map(({ command_id }) => command_id)).toEqual(["ob-1:1", "ob-1:2"]);
    ada.close();
  });

  it("signals go by POST, and their sender does not hear them", async () => {
    const { clock, client, host } = house();
    const [ada, bo] = [client({ transport: "sse", storage: null }), client({ transport: "sse", storage: null, token: () => tokenFor("bo") })];
    const heard: unknown[] = [];
    for (const [name, who] of [["ada", ada], ["bo", bo]] as const) {
      const handle = who.actor("list").get("a");
      handle.subscribe();
      handle.onSignal((signal) => heard.push([name, signal.from?.id, signal.signal]));
    }
    await clock.pass(500);
    ada.actor("list").get("a").signal({ typing: true });
    await clock.pass(100);
    expect(host.requests.filter(({ path }) => path.endsWith("/signals"))).toMatchObject([{ body: { signal: { typing: true } } }]);
    expect(heard).toEqual([["bo", "ada", { typing: true }]]);
    ada.close();
    bo.close();
  });
});
