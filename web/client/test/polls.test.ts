/** Lists that a host does not follow, and views that are too large for its line: what is read over HTTP in their place. */
import { describe, expect, it } from "vitest";
import { createClient } from "../src/client.js";
import { localFault } from "../src/errors.js";
import { Code } from "../src/index.js";
import { ANSWER_MS, POLL_MS } from "../src/limits.js";
import { nextDeadline } from "../src/session/reduce.js";
import { subKey, nameOf } from "../src/session/step.js";
import type { ActorTypes, Client, ListSubscription, ListUpdate } from "../src/types.js";
import { FakeHost, type ListView } from "./support/host.js";
import { etag, pos, Script, TODO } from "./support/script.js";
import { FakeClock, seeded, tokenFor } from "./support/world.js";

const LIST = { kind: "todo", mine: true } as const;
const LIST_KEY = subKey(nameOf(LIST), "view");
const AWAY = localFault("unreachable", "away", "retry");
const ROW = { kind: "todo", id: "a", title: "A" };

function watching(): Script {
  const script = new Script().open().give({ input: "watch", list: LIST });
  return script.frame({ type: "error", list: LIST, action: "subscribe", code: Code.UnknownType, name: "unknown_type", message: "" });
}
function read(script: Script, answer: unknown): Script {
  const sub = [...script.state.subs.values()][0];
  return script.give({ input: "read", sub: sub?.key ?? "", read: sub?.reads ?? 0, answer });
}
const sub = (script: Script) => script.state.subs.get(LIST_KEY);

describe("a list that the host does not follow", () => {
  it("is read at once, and then every few seconds, and told only when it changed", () => {
    const script = watching();
    expect(script.of("read")).toEqual([{ do: "read", sub: LIST_KEY, read: 1, of: LIST }]);
    expect([script.status, sub(script)?.error]).toEqual(["live", null]);
    read(script, { rows: [ROW], next: "more" });
    expect([script.of("view").length, sub(script)?.view]).toEqual([1, { rows: { a: ROW }, next: "more" }]);
    const { view } = sub(script) as { view: unknown };
    expect(script.after(POLL_MS - 1).of("read")).toEqual([]);
    expect(script.after(1).of("read")).toMatchObject([{ read: 2 }]);
    read(script, { rows: [ROW], next: "more" });
    expect([script.of("view"), sub(script)?.view === view]).toEqual([[], true]);
    read(script.after(POLL_MS), { rows: [] });
    expect([script.of("view").length, sub(script)?.view]).toEqual([1, { rows: {} }]);
  });

  it("is read by many at many times", () => {
    const pauses = [0, 0.999].map((random) => {
      const script = watching();
      script.random = random;
      const before = read(script, { rows: [] }).now;
      return script.wake().now - before;
    });
    expect(pauses[0]).toBe(POLL_MS * 0.75);
    expect(pauses[1]).toBeGreaterThan(POLL_MS * 1.24);
  });

  it("is not read while nobody listens, or looks", () => {
    const script = read(watching(), { rows: [] });
    script.give({ input: "visible", visible: false });
    expect(script.after(10 * POLL_MS).frame({ type: "pong", behind: {} }).of("read")).toEqual([]);
    expect(nextDeadline(script.state), "it sleeps meanwhile").toBeGreaterThan(script.now);
    expect(script.give({ input: "visible", visible: true }).of("read")).toHaveLength(1);
    read(script, { rows: [] }).after(POLL_MS - 100).give({ input: "release", sub: LIST_KEY });
    expect(script.after(200).of("read")).toEqual([]);
    expect(nextDeadline(script.state)).toBeGreaterThan(script.now);
    script.after(1_000);
    expect(sub(script)).toBeUndefined();
  });

  it("is asked for less often while that fails, says so, and recovers", () => {
    const script = read(watching(), { rows: [ROW] });
    script.after(POLL_MS);
    const pauses = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(() => {
      const before = script.now;
      script.give({ input: "unread", sub: LIST_KEY, read: sub(script)?.reads ?? 0, fault: AWAY });
      expect([sub(script)?.error, sub(script)?.isRead, sub(script)?.hasView]).toEqual([AWAY, false, true]);
      while (sub(script)?.phase !== "reading") script.wake().frame({ type: "pong", behind: {} });
      return script.now - before;
    });
    expect(pauses[0]).toBeLessThan(POLL_MS * 1.3);
    expect(pauses[8]).toBeGreaterThan(pauses[0] as number + 10_000);
    read(script, { rows: [ROW] });
    expect([sub(script)?.error, sub(script)?.isRead, sub(script)?.retries]).toEqual([null, true, 0]);
  });

  it("is read again if no answer comes, and a late one counts for nothing", () => {
    const script = watching();
    const late = sub(script)?.reads ?? 0;
    script.after(ANSWER_MS).frame({ type: "pong", behind: {} });
    expect(sub(script)?.error?.name).toBe("read_timeout");
    expect(script.after(2 * POLL_MS).of("read")).toHaveLength(1);
    expect(script.give({ input: "read", sub: LIST_KEY, read: late, answer: { rows: [ROW] } }).of("view")).toEqual([]);
  });

  it("ends if the host says that there is none", () => {
    const script = watching();
    const fault = { ...AWAY, code: Code.NotFound, kind: "stop" } as const;
    script.give({ input: "unread", sub: LIST_KEY, read: 1, fault });
    expect(script.of("ended")).toEqual([{ do: "ended", sub: LIST_KEY, fault }]);
  });

  it("is subscribed to again after a drop, for the host may follow it now", () => {
    const script = read(watching(), { rows: [ROW] }).drop().reopen();
    expect([script.sent, sub(script)?.isRead]).toEqual([[{ action: "subscribe", list: LIST }], false]);
    script.frame({ type: "resumed", list: LIST, kind: "snapshot" }).frame({ type: "snapshot", list: LIST, etag: "1", view: { rows: {} } });
    expect([sub(script)?.phase, script.after(POLL_MS).of("read")]).toEqual(["live", []]);
  });
});

describe("a view that is too large for the line", () => {
  const refused = { type: "error", actor: TODO, as: "view", code: Code.TooLarge, name: "too_large", message: "" } as const;

  it("is read, shown as a snapshot is, and subscribed to from there", () => {
    const script = new Script().open().watching({ n: 1 }).frame(refused);
    expect(script.of("read")).toEqual([{ do: "read", sub: subKey(TODO, "view"), read: 1, of: TODO }]);
    read(script, { position: pos(3), etag: etag(3), view: { n: 3 } });
    expect([script.of("view").length, script.sub().view, script.subStatus]).toEqual([1, { n: 3 }, "live"]);
    expect(script.sent).toEqual([{ action: "subscribe", actor: TODO, as: "view", from: pos(3), etag: etag(3) }]);
    script.frame({ type: "resumed", actor: TODO, as: "view", kind: "current", position: pos(3) });
    script.frame({ type: "patch", actor: TODO, base: etag(3), etag: etag(4), position: pos(4), ops: [{ op: "replace", path: "/n", value: 4 }] });
    expect([script.sub().view, script.subStatus]).toEqual([{ n: 4 }, "live"]);
  });

  it("is read no more often than lists are, however often the line says no", () => {
    const script = new Script().open().watching({ n: 1 }).frame(refused);
    let reads = 0;
    const begun = script.now;
    while (script.now - begun < 10 * POLL_MS) {
      if (script.sub().phase === "reading") {
        reads += 1;
        read(script, { position: pos(3 + reads), etag: etag(3 + reads), view: { n: reads } });
        script.frame({ type: "resumed", actor: TODO, as: "view", kind: "snapshot", position: pos(4 + reads) }).frame(refused);
      }
      expect(script.subStatus, "what is shown was read just now").toBe("live");
      script.frame({ type: "pong", behind: {} }).after(100);
    }
    expect(reads).toBeGreaterThanOrEqual(9);
    expect(reads).toBeLessThanOrEqual(11);
  });

  it("does not go back to an older one", () => {
    const script = new Script().open().watching({ n: 5 }, 5).frame(refused);
    read(script, { position: pos(3), etag: etag(3), view: { n: 3 } });
    expect([script.sub().view, script.sub().position]).toEqual([{ n: 5 }, pos(5)]);
  });

  it("is not read for events, which end", () => {
    const script = new Script().open().watch(TODO, "events").frame({ ...refused, as: "events" });
    expect([script.of("read"), script.of("ended").length]).toEqual([[], 1]);
  });
});

interface List extends ActorTypes {
  command: { text: string };
  view: ListView;
}
type Lists = { list: List; chess: ActorTypes };

function house(): { clock: FakeClock; host: FakeHost; client: Client<Lists> } {
  const clock = new FakeClock();
  const host = new FakeHost(clock);
  const options = { endpoint: "http://host", clock, storage: null, random: seeded(7), fetch: host.fetch, token: () => tokenFor("ada") };
  return { clock, host, client: createClient<Lists>({ ...options, WebSocket: host.WebSocket as never }) };
}
const ids = ({ rows }: Pick<ListSubscription, "rows"> | ListUpdate): string | undefined => rows?.map((row) => row.id).join("");

describe("a client of a host that sends less", () => {
  it("shows lists all the same, filtered, in their order", async () => {
    const { clock, host, client } = house();
    host.followsLists = false;
    host.row("a", { members: ["ada"], updated_at: 1 });
    host.row("b", { updated_at: 2 });
    const [all, mine, none] = [client.actor("list").watch(), client.actor("list").watch({ mine: true }), client.actor("chess").watch()];
    await clock.pass(100);
    expect([ids(all), ids(mine), all.status, client.status, all.next]).toEqual(["ba", "a", "live", "live", undefined]);
    expect([none.status, none.error?.code]).toEqual(["closed", Code.NotFound]);
    host.row("c", { sort: 1 });
    await clock.pass(1.5 * POLL_MS);
    expect(ids(all)).toBe("cba");
    all.close();
    mine.close();
    await clock.pass(1_000);
    const { length } = host.requests;
    await clock.pass(10 * POLL_MS);
    expect(host.requests.length).toBe(length);
    host.followsLists = true;
    host.cutAll();
    await clock.pass(2_000);
    const again = client.actor("list").watch();
    await clock.pass(100);
    host.row("d", { sort: 2 });
    await clock.pass(100);
    expect([ids(again), host.requests.length]).toEqual(["dcba", length]);
    client.close();
  });

  it("shows large views all the same, and what becomes of them", async () => {
    const { clock, host, client } = house();
    host.grow("list/a", 3);
    host.viewBytesMax = 10;
    const handle = client.actor("list").get("a");
    const view = handle.subscribe();
    await clock.pass(200);
    expect([view.status, view.view, view.position]).toEqual(["live", host.viewOf("list/a"), pos(3)]);
    void handle.send({ text: "milk" });
    await clock.pass(100);
    expect([view.view?.count, host.requests.filter(({ path }) => path === "/v1/list/a").length]).toEqual([4, 1]);
    host.cutAll();
    host.grow("list/a", 1);
    await clock.pass(POLL_MS * 2);
    expect([view.status, view.view?.count, view.pending]).toEqual(["live", 5, []]);
    client.close();
  });
});
