/** Lists that are followed, with the whole client on a host in memory. */
import { describe, expect, it } from "vitest";
import { createClient } from "../src/client.js";
import type { ActorTypes, Client, ClientOptions, ListSubscription, ListUpdate } from "../src/types.js";
import { FakeHost } from "./support/host.js";
import { FakeClock, seeded, tokenFor } from "./support/world.js";

type Lists = { list: ActorTypes; chess: ActorTypes };

function house(): { clock: FakeClock; host: FakeHost; client: (options?: ClientOptions) => Client<Lists> } {
  const clock = new FakeClock();
  const host = new FakeHost(clock);
  const base = { endpoint: "http://host", clock, storage: null, random: seeded(7), fetch: host.fetch };
  const client = (options: ClientOptions = {}): Client<Lists> =>
    createClient<Lists>({ ...base, WebSocket: host.WebSocket as never, token: () => tokenFor("ada"), ...options });
  return { clock, host, client };
}

const ids = ({ rows }: Pick<ListSubscription, "rows"> | ListUpdate): string | undefined => rows?.map((row) => row.id).join("");
const listsOf = (host: FakeHost): number => [...host.connections.values()].reduce((sum, { lists }) => sum + lists.size, 0);

describe.each(["ws", "sse"] as const)("a list over %s", (transport) => {
  it("shows its rows in order, as they come, change and go", async () => {
    const { clock, host, client } = house();
    host.row("a", { updated_at: 1 });
    host.row("b", { updated_at: 2 });
    const list = client({ transport }).actor("list").watch();
    const heard: (string | undefined)[] = [];
    list.on((update) => heard.push(ids(update)));
    expect([list.rows, list.status]).toEqual([undefined, "connecting"]);
    await clock.pass(100);
    expect([ids(list), list.status]).toEqual(["ba", "live"]);
    host.row("c", { updated_at: 2 });
    await clock.pass(100);
    host.row("a", { sort: 1, title: "first" });
    await clock.pass(100);
    host.row("b", null);
    await clock.pass(100);
    expect([heard, list.rows?.[0]?.title]).toEqual([["ba", "cba", "acb", "ac"], "first"]);
    expect(host.requests.filter(({ path }) => path === "/v1/list")).toEqual([]);
  });

  it("filters, and shares the wire of those who ask for the same", async () => {
    const { clock, host, client } = house();
    host.row("a", { members: ["ada"] });
    host.row("b", { status: "over" });
    host.row("p", { members: ["ada"], private: true });
    const kind = client({ transport }).actor("list");
    const lists = [kind.watch(), kind.watch({ mine: false }), kind.watch({ status: "over" }), kind.watch({ mine: true, status: "open" })];
    await clock.pass(100);
    expect([lists.map(ids), listsOf(host)]).toEqual([["ba", "ba", "b", "pa"], 3]);
    lists[0]?.close();
    await clock.pass(1000);
    expect([listsOf(host), ids(lists[1] as ListSubscription)]).toEqual([3, "ba"]);
    for (const list of lists) list.close();
    await clock.pass(1000);
    expect([listsOf(host), lists.map(({ status }) => status)]).toEqual([0, ["closed", "closed", "closed", "closed"]]);
  });

  it("goes on after a drop, with what it holds", async () => {
    const { clock, host, client } = house();
    host.row("a", {});
    const list = client({ transport }).actor("list").watch();
    const heard: (string | undefined)[] = [];
    list.on((update) => heard.push(ids(update)));
    await clock.pass(100);
    host.cutAll();
    await clock.pass(1);
    expect(list.status).toBe("offline");
    await clock.pass(5000);
    expect([heard, list.status]).toEqual([["a"], "live"]);
    host.cutAll();
    host.row("b", {});
    await clock.pass(5000);
    expect([heard, list.status]).toEqual([["a", "ba"], "live"]);
  });

  it("of a kind that is not there ends, and says why", async () => {
    const { clock, client } = house();
    const list = client({ transport }).actor("chess").watch();
    const read = (async () => {
      for await (const _ of list) expect.unreachable();
    })();
    const refused = expect(read).rejects.toMatchObject({ code: 4404 });
    await clock.pass(100);
    await refused;
    expect([list.status, list.error?.name]).toEqual(["closed", "not_found"]);
  });
});

describe("a list", () => {
  it("hands the newest rows to whoever reads them one after the other", async () => {
    const { clock, host, client } = house();
    const list = client().actor("list").watch();
    await clock.pass(100);
    for (const id of ["a", "b", "c"]) {
      host.row(id, {});
      await clock.pass(10);
    }
    const reader = list[Symbol.asyncIterator]();
    expect(ids((await reader.next()).value as ListUpdate)).toBe("cba");
    host.row("d", {});
    await clock.pass(10);
    expect(ids((await reader.next()).value as ListUpdate)).toBe("dcba");
    await reader.return?.();
    expect(list.status).toBe("closed");
  });

  it("is shown at once to whoever asks for what is held already", async () => {
    const { clock, host, client } = house();
    host.row("a", {});
    const kind = client().actor("list");
    kind.watch();
    await clock.pass(100);
    const second = kind.watch();
    expect([ids(second), second.status]).toEqual(["a", "live"]);
  });

  it("asks again when a patch is not for what it holds", async () => {
    const { clock, host, client } = house();
    host.row("a", {});
    const list = client().actor("list").watch();
    await clock.pass(100);
    for (const [wire, { lists }] of host.connections) {
      for (const { list } of lists.values()) {
        wire.push({ type: "patch", list, base: "0000000000000bad", etag: "0000000000000bae", ops: [{ op: "remove", path: "/rows/a" }] });
      }
    }
    host.rows.set("b", { ...(host.rows.get("a") as object), id: "b" } as never);
    await clock.pass(100);
    expect([ids(list), list.status]).toEqual(["ba", "live"]);
  });

  it("keeps the client from being live until it is answered", async () => {
    const { clock, client } = house();
    const ada = client();
    ada.actor("list").watch();
    await clock.pass(5);
    expect(ada.status).toBe("connecting");
    await clock.pass(100);
    expect(ada.status).toBe("live");
  });

  it("refuses a status that no row can have", () => {
    const { client } = house();
    expect(() => client().actor("list").watch({ status: "x".repeat(513) })).toThrow(TypeError);
  });
});
