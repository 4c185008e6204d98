/** Hosts whose sockets somebody else holds, at another address, where a ticket opens one. */
import { describe, expect, it } from "vitest";
import { createClient } from "../src/client.js";
import { localFault, type Fault } from "../src/errors.js";
import type { ClientOptions } from "../src/types.js";
import { FakeHost } from "./support/host.js";
import { Script } from "./support/script.js";
import { FakeClock, MemoryStorage, seeded, tokenFor } from "./support/world.js";

const GATEWAY = "wss://gateway/prod";
const HERE = "ws://host/v1/connect";
const LOST = localFault("line_closed", "1006", "retry");
const AWAY = localFault("unreachable", "away", "retry");

function unopened(script: Script): Script {
  return script.wake().give({ input: "dropped", number: script.state.number, fault: LOST, unopened: true });
}
function way(script: Script, byTicket: boolean, fault: Fault | null = null): Script {
  return script.give({ input: "way", number: script.state.number, byTicket, fault });
}

describe("a socket that does not open", () => {
  it("makes the session ask for the way first, and take it at once", () => {
    const script = unopened(new Script());
    expect([script.of("ask_way"), script.status]).toEqual([[{ do: "ask_way", number: 1 }], "connecting"]);
    way(script, true);
    expect(script.of("connect")).toMatchObject([{ number: 2, transport: "ws", byTicket: true }]);
    expect(script.open().status).toBe("live");
    expect(script.drop().wake().of("connect")).toMatchObject([{ byTicket: true }]);
  });

  it("is a failure of sockets if they are here", () => {
    const script = way(unopened(new Script()), false);
    expect([script.state.socketFailures, script.status, script.state.error]).toEqual([1, "offline", LOST]);
  });

  it("says nothing about sockets if nobody can tell the way", () => {
    const script = new Script();
    for (let tries = 0; tries < 4; tries += 1) way(unopened(script), false, AWAY);
    expect([script.state.transport, script.state.socketFailures, script.state.error]).toEqual(["ws", 0, LOST]);
    for (let tries = 0; tries < 4; tries += 1) unopened(script).after(15_000);
    expect([script.state.transport, script.status], "an answer that does not come").toEqual(["ws", "offline"]);
  });

  it("asks for a fresh token if the way was refused for that", () => {
    const refused = { ...AWAY, kind: "sign_in" } as const;
    expect(way(unopened(new Script()), false, refused).wake().of("connect")).toMatchObject([{ freshToken: true, byTicket: false }]);
  });

  it("never means server-sent events where tickets open sockets, for there are none", () => {
    const script = new Script({ byTicket: true });
    for (let tries = 0; tries < 4; tries += 1) {
      unopened(script);
      expect(script.of("ask_way")).toEqual([]);
    }
    for (let tries = 0; tries < 4; tries += 1) script.wake().after(15_000);
    expect(script.state.transport).toBe("ws");
  });

  it("is dialed at the host again once a ticket comes without a way", () => {
    const script = way(new Script({ byTicket: true }).wake(), false);
    expect(script.status).toBe("offline");
    expect(script.wake().of("connect")).toMatchObject([{ byTicket: false }]);
  });
});

function house(): { clock: FakeClock; host: FakeHost; storage: MemoryStorage; client: (options?: ClientOptions) => ReturnType<typeof createClient> } {
  const clock = new FakeClock();
  const host = new FakeHost(clock);
  const storage = new MemoryStorage();
  const base = { endpoint: "http://host", clock, storage, random: seeded(7), fetch: host.fetch };
  const client = (options: ClientOptions = {}): ReturnType<typeof createClient> =>
    createClient({ ...base, WebSocket: host.WebSocket as never, token: () => tokenFor("ada"), ...options });
  return { clock, host, storage, client };
}

describe("a client of a host behind a gateway", () => {
  it("finds it, with a ticket for each socket, and so does the next page", async () => {
    const { clock, host, client } = house();
    host.gateway = GATEWAY;
    const ada = client();
    const sub = ada.actor("list").get("a").subscribe();
    await clock.pass(200);
    expect([ada.status, sub.status]).toEqual(["live", "live"]);
    expect(host.dialed).toEqual([HERE, `${GATEWAY}?token=t2`]);
    host.cutAll();
    await clock.pass(1_000);
    expect([ada.status, host.dialed.length, host.hellos.at(-1)?.outbox]).toEqual(["live", 3, "ob-1"]);
    expect(new Set(host.dialed).size, "no ticket twice").toBe(3);
    ada.close();
    const again = client();
    await clock.pass(200);
    expect([again.status, host.dialed.length, host.dialed.at(-1)?.startsWith(GATEWAY)]).toEqual(["live", 4, true]);
    again.close();
  });

  it("goes back to where it was once the host holds its sockets itself", async () => {
    const { clock, host, client } = house();
    host.gateway = GATEWAY;
    const ada = client();
    await clock.pass(200);
    host.gateway = null;
    host.cutAll();
    await clock.pass(2_000);
    expect([ada.status, host.dialed.at(-1)]).toEqual(["live", HERE]);
    ada.close();
    const asked = host.requests.length;
    const again = client();
    await clock.pass(200);
    expect([again.status, host.requests.length - asked], "and the next page, too").toEqual(["live", 0]);
    again.close();
  });

  it("signs in again when its token gets no ticket", async () => {
    const { clock, host, client } = house();
    host.gateway = GATEWAY;
    const ada = client({ token: undefined });
    await clock.pass(200);
    host.refuseTokens.add(tokenFor("g-1"));
    host.cutAll();
    await clock.pass(2_000);
    expect([ada.status, ada.principal?.id]).toEqual(["live", "g-2"]);
    ada.close();
  });

  it("comes live once what was away is there again, by a socket", async () => {
    const { clock, host, client } = house();
    host.gateway = GATEWAY;
    host.up = false;
    const ada = client();
    await clock.pass(20_000);
    expect(ada.status).toBe("offline");
    host.up = true;
    await clock.pass(30_000);
    expect([ada.status, host.dialed.at(-1)?.startsWith(GATEWAY), host.requests.some(({ path }) => path === "/v1/me")]).toEqual(["live", true, false]);
    ada.close();
  });
});
