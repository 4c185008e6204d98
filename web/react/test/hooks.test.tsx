import { createClient, type ActorTypes, type Client } from "@dormouse/client";
import { act, StrictMode, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeHost, type ListView } from "../../client/test/support/host.js";
import { FakeClock, seeded, tokenFor } from "../../client/test/support/world.js";
import { DormouseProvider, useActor, useClient, useList, useStatus } from "../src/index.js";

interface List extends ActorTypes {
  command: { text: string };
  view: ListView;
}
declare module "../src/kinds.js" {
  interface Register {
    kinds: { list: List };
  }
}
(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

let clock: FakeClock;
let host: FakeHost;
let client: Client<{ list: List }>;
let place: HTMLElement;
let root: ReturnType<typeof createRoot>;

beforeEach(() => {
  clock = new FakeClock();
  host = new FakeHost(clock);
  client = createClient({
    endpoint: "http://host", clock, random: seeded(5), storage: null, fetch: host.fetch,
    WebSocket: host.WebSocket as never, token: () => tokenFor("ada"),
  });
  place = document.createElement("div");
  root = createRoot(place);
});
afterEach(async () => {
  await act(async () => root.unmount());
  client.close();
});

const show = (node: ReactNode) => act(async () => root.render(<DormouseProvider client={client}>{node}</DormouseProvider>));
const pass = (ms: number) => act(() => clock.pass(ms));
const subscriptions = (): number => [...host.connections.values()].reduce((sum, { subs }) => sum + subs.size, 0);
let send: (text: string) => Promise<unknown>;

function Todo({ id }: { id: string }): ReactNode {
  const list = useActor("list", id);
  send = (text) => list.send({ text }, { optimistic: (view) => ({ ...view, count: view.count + 1 }) });
  return <p>{`${id} ${list.status} ${list.view?.count ?? "none"} ${list.pending.length}`}</p>;
}
function Rows({ status }: { status?: string }): ReactNode {
  const list = useList("list", status === undefined ? {} : { status });
  return <p>{`${list.status} ${list.rows?.map((row) => row.id).join("") ?? "none"}`}</p>;
}
const lists = (): number => [...host.connections.values()].reduce((sum, connection) => sum + connection.lists.size, 0);
function Line(): ReactNode {
  return <b>{useStatus()}</b>;
}

describe("the hooks", () => {
  it("show the view, the optimistic one before it, and the status as it changes", async () => {
    await show([<Line key="l" />, <Todo key="t" id="a" />]);
    expect(place.textContent).toBe("connectinga connecting none 0");
    await pass(100);
    expect(place.textContent).toBe("livea live 0 0");
    await act(async () => void send("milk"));
    expect(place.textContent).toBe("livea live 1 1");
    await pass(100);
    expect(place.textContent).toBe("livea live 1 0");
    await act(async () => client.unplug());
    expect(place.textContent).toBe("offlinea offline 1 0");
  });

  it("share one wire subscription, and let go of it when the last one leaves the screen", async () => {
    await show([<Todo key="1" id="a" />, <Todo key="2" id="a" />]);
    await pass(100);
    expect([place.textContent, subscriptions()]).toEqual(["a live 0 0a live 0 0", 1]);
    await show(<Todo key="1" id="a" />);
    await pass(1000);
    expect(subscriptions()).toBe(1);
    await show(null);
    await pass(1000);
    expect(subscriptions()).toBe(0);
  });

  it("follow the id", async () => {
    host.decide("list/b", "x:1", { text: "eggs" });
    await show(<Todo id="a" />);
    await pass(100);
    await show(<Todo id="b" />);
    await pass(1000);
    expect([place.textContent, subscriptions()]).toEqual(["b live 1 0", 1]);
  });

  it("do not ask the wire twice in strict mode", async () => {
    let asked = 0;
    const subscribe = host.subscribe.bind(host);
    host.subscribe = (...args) => {
      asked += 1;
      subscribe(...args);
    };
    await pass(100);
    await show(<StrictMode><Todo id="a" /></StrictMode>);
    await pass(1000);
    expect([place.textContent, asked]).toEqual(["a live 0 0", 1]);
  });

  it("show a list as it changes, filtered as they are told", async () => {
    host.row("a", {});
    await show(<Rows />);
    expect(place.textContent).toBe("connecting none");
    await pass(100);
    expect(place.textContent).toBe("live a");
    await act(async () => host.row("b", { status: "over" }));
    await pass(100);
    expect(place.textContent).toBe("live ba");
    await show(<Rows status="over" />);
    await pass(1000);
    expect([place.textContent, lists()]).toEqual(["live b", 1]);
    await show(null);
    await pass(1000);
    expect(lists()).toBe(0);
  });

  it("share the wire of a list", async () => {
    host.row("a", {});
    await show([<Rows key="1" />, <StrictMode key="2"><Rows /></StrictMode>]);
    await pass(1000);
    expect([place.textContent, lists()]).toEqual(["live alive a", 1]);
  });

  it("need a provider", async () => {
    const Naked = (): ReactNode => {
      try {
        return useClient().status;
      } catch (error) {
        return (error as Error).message;
      }
    };
    await act(async () => root.render(<Naked />));
    expect(place.textContent).toContain("DormouseProvider");
  });
});
