import { describe, expect, it } from "vitest";
import { backoffMs } from "../src/backoff.js";
import { Code, CODES } from "../src/index.js";
import { kindOfClose, kindOfCode } from "../src/errors.js";
import { PING_MS_MAX } from "../src/limits.js";
import { nextDeadline } from "../src/session/reduce.js";
import { OUTBOX, pos, Script, TODO, welcome } from "./support/script.js";

describe("codes", () => {
  it.each([
    [1429, "retry"],
    [2400, "resubscribe"],
    [3402, "sign_in"],
    [4404, "stop"],
    [0, "retry"],
    [5000, "retry"],
  ])("%i asks to %s", (code, kind) => expect(kindOfCode(code)).toBe(kind));

  it("of the table ask for what their range says, under a name and a member of their own", () => {
    expect(CODES.map(({ code, action }) => [code, action])).toEqual(CODES.map(({ code }) => [code, kindOfCode(code)]));
    expect(CODES.map(({ code }) => code)).toEqual(Object.values(Code));
    expect(new Set(CODES.map(({ name }) => name)).size).toBe(CODES.length);
    expect([Code.NotFound, CODES.find(({ code }) => code === Code.NotFound)?.name]).toEqual([4404, "not_found"]);
  });

  it.each([
    [1006, "retry"],
    [1011, "retry"],
    [4400, "stop"],
    [4401, "sign_in"],
    [4404, "stop"],
    [4403, "stop"],
    [4429, "retry"],
  ])("close %i asks to %s", (code, kind) => expect(kindOfClose(code)).toBe(kind));
});

describe("backoff", () => {
  it("grows from 250 ms to 20 s, and half of it is random", () => {
    for (const [attempt, ceiling] of [[0, 250], [1, 500], [3, 2000], [7, 20_000], [500, 20_000]] as const) {
      expect(backoffMs(attempt, 0)).toBe(ceiling / 2);
      expect(backoffMs(attempt, 0.999_999)).toBeLessThanOrEqual(ceiling);
      expect(backoffMs(attempt, 0.999_999)).toBeGreaterThan(ceiling * 0.99);
    }
  });
  it("never comes before retry_after, and not all at once after it", () => {
    expect(backoffMs(0, 0, 3000)).toBe(3000);
    expect(backoffMs(0, 0.5, 3000)).toBeGreaterThan(3000);
  });
});

describe("the status", () => {
  it("is live only after the welcome, if nothing is watched", () => {
    const script = new Script();
    expect(script.status).toBe("connecting");
    script.wake();
    expect(script.of("connect")).toEqual([{ do: "connect", number: 1, transport: "ws", byTicket: false, freshToken: false }]);
    script.give({ input: "opened", number: 1, token: "t" });
    expect([script.status, script.sent]).toEqual(["connecting", [{ action: "hello", token: "t" }]]);
    expect(script.frame(welcome()).status).toBe("live");
  });

  it("is live only after every subscription was answered", () => {
    const script = new Script().watch().watch(TODO, "events", "start").open();
    expect(script.sent).toHaveLength(2);
    expect(script.status).toBe("connecting");
    script.frame({ type: "resumed", actor: TODO, as: "view", kind: "snapshot", position: pos(1) });
    expect([script.status, script.subStatus]).toEqual(["connecting", "live"]);
    script.frame({ type: "error", code: 4404, name: "not_found", message: "", actor: TODO, as: "events" });
    expect(script.status).toBe("live");
  });

  it("is offline while waiting, replaying while resubscribing, then live", () => {
    const script = new Script().open().watching({}).drop();
    expect([script.status, script.subStatus]).toEqual(["offline", "offline"]);
    script.reopen();
    expect([script.status, script.subStatus]).toEqual(["replaying", "replaying"]);
    script.frame({ type: "resumed", actor: TODO, as: "view", kind: "current", position: pos(4) });
    expect([script.status, script.subStatus]).toEqual(["live", "live"]);
    expect(script.sub().resumed).toMatchObject({ kind: "current", missed: 3 });
  });

  it("stays live when one more subscription starts", () => {
    expect(new Script().open().watch().status).toBe("live");
  });

  it("is offline when unplugged, and connects at once when plugged in", () => {
    const script = new Script().open().give({ input: "unplug" });
    expect([script.status, script.of("disconnect")]).toEqual(["offline", [{ do: "disconnect", number: 1 }]]);
    expect(nextDeadline(script.state)).toBeNull();
    expect(script.give({ input: "plug" }).of("connect")).toHaveLength(1);
  });

  it("is offline when the browser is, still tries, and connects at once when it is back", () => {
    const script = new Script().open().give({ input: "network", online: false });
    expect([script.status, script.state.line.at]).toEqual(["offline", "waiting"]);
    expect(script.give({ input: "network", online: true }).of("connect")).toHaveLength(1);
  });
});

describe("the line", () => {
  it("waits longer each time, and from the start again after ten stable seconds", () => {
    const script = new Script().open();
    const delays = [0, 0, 20_000, 0].map((live) => {
      script.now += live;
      script.drop();
      const delay = (nextDeadline(script.state) as number) - script.now;
      script.reopen();
      return delay;
    });
    expect(delays).toEqual([0, 1, 0, 1].map((attempt) => backoffMs(attempt, 0.5)));
  });

  it("respects the retry_after of goodbye", () => {
    const script = new Script().open();
    script.frame({ type: "goodbye", code: 1504, name: "draining", message: "", retry_after: 3000 });
    expect(script.of("disconnect")).toHaveLength(1);
    expect((nextDeadline(script.state) as number) - script.now).toBeGreaterThanOrEqual(3000);
  });

  it("respects the retry_after of an error that comes before a close", () => {
    const script = new Script().open();
    script.frame({ type: "error", code: 1430, name: "rate_limited", message: "", retry_after: 5000 }).drop();
    expect((nextDeadline(script.state) as number) - script.now).toBeGreaterThanOrEqual(5000);
  });

  it("asks for a fresh token after a 3xxx, and only then", () => {
    const script = new Script().open();
    script.frame({ type: "goodbye", code: 3402, name: "token_expired", message: "", retry_after: 0 });
    expect(script.wake().of("connect")).toMatchObject([{ freshToken: true }]);
    script.give({ input: "unplug" }).give({ input: "plug" });
    expect(script.of("connect")).toMatchObject([{ freshToken: false }]);
    expect(script.drop().wake().of("connect")).toMatchObject([{ freshToken: false }]);
  });

  it("stops at a 4xxx before the welcome, until it is plugged in again", () => {
    const script = new Script().wake().give({ input: "opened", number: 1, token: "t" });
    script.frame({ type: "error", code: 4414, name: "unsupported_version", message: "" });
    expect([script.status, script.state.error?.name, nextDeadline(script.state)]).toEqual(["closed", "unsupported_version", null]);
    expect(script.give({ input: "plug" }).status).toBe("connecting");
  });

  it("does not stop for one refused frame on a line that works", () => {
    const script = new Script().open();
    script.frame({ type: "error", code: 4411, name: "bad_frame", message: "" });
    expect([script.status, script.state.error?.name]).toEqual(["live", "bad_frame"]);
    expect(script.drop().status).toBe("offline");
  });

  it("pings with positions, and hangs up if no pong comes within ten seconds", () => {
    const script = new Script().open().watching({}, 7).after(25_000);
    expect(script.sent).toEqual([{ action: "ping", positions: { [TODO]: pos(7) } }]);
    expect(script.after(9_999).status).toBe("live");
    expect(script.after(1).status).toBe("offline");
    expect(script.of("disconnect")).toHaveLength(1);
  });

  it("never lets ten minutes pass in silence, whatever the host asks for", () => {
    expect(PING_MS_MAX).toBeLessThan(10 * 60_000);
    const script = new Script().open({ limits: { frame_bytes: 65536, signal_bytes: 4096, ping_seconds: 3600 } });
    expect(script.after(PING_MS_MAX).sent).toMatchObject([{ action: "ping" }]);
  });

  it("lives on with a pong, and resubscribes what is behind", () => {
    const script = new Script().open().watching({}, 7).after(25_000);
    script.frame({ type: "pong", behind: { [TODO]: pos(9), "todo/other": pos(3) } });
    expect(script.sent).toEqual([{ action: "subscribe", actor: TODO, as: "view", from: pos(7), etag: "0000000000000007" }]);
    script.frame({ type: "resumed", actor: TODO, as: "view", kind: "current", position: pos(9) });
    expect(script.frame({ type: "pong", behind: { [TODO]: pos(9) } }).sent).toEqual([]);
    expect(script.after(14_000).status).toBe("live");
  });

  it("hears nothing that an abandoned socket still says", () => {
    const script = new Script().open().drop();
    script.give({ input: "frame", number: 1, frame: welcome() });
    script.give({ input: "dropped", number: 1, fault: null });
    expect([script.status, script.effects]).toEqual(["offline", []]);
    script.wake();
    script.give({ input: "opened", number: 1, token: "t" });
    script.give({ input: "dropped", number: 1, fault: null });
    expect([script.status, script.effects]).toEqual(["connecting", []]);
  });

  it("says hello with the outbox that it holds", () => {
    const script = new Script().open().drop().wake().give({ input: "opened", number: 2, token: "t2" });
    expect(script.sent).toEqual([{ action: "hello", token: "t2", outbox: OUTBOX }]);
  });

  it("gives up on a host that never welcomes", () => {
    const script = new Script().wake().give({ input: "opened", number: 1, token: "t" }).wake();
    expect([script.status, script.state.error?.name]).toEqual(["offline", "connect_timeout"]);
  });

  it("ends for good with close: no command is answered any more, and none is taken", () => {
    const script = new Script().open().watch();
    const key = script.send();
    script.give({ input: "close" });
    expect(script.of("reject")).toMatchObject([{ key, fault: { name: "closed" } }]);
    expect(script.of("ended")).toMatchObject([{ fault: null }]);
    script.give({ input: "plug" });
    expect([script.status, script.effects]).toEqual(["closed", []]);
    script.send();
    expect(script.of("reject")).toHaveLength(1);
  });
});

describe("the choice of transport", () => {
  const fail = (script: Script): void => {
    script.wake().give({ input: "dropped", number: script.state.number, fault: null, unopened: true });
    script.give({ input: "way", number: script.state.number, byTicket: false, fault: null });
  };

  it("falls back to SSE when a socket does not open twice, and back again when SSE does not either", () => {
    const script = new Script();
    const seen = [1, 2, 3, 4].map(() => {
      fail(script);
      return script.state.transport;
    });
    expect(seen).toEqual(["ws", "sse", "ws", "ws"]);
  });

  it("does not count a token that could not be had", () => {
    const script = new Script();
    for (let tries = 0; tries < 5; tries += 1) script.wake().drop();
    expect(script.state.transport).toBe("ws");
  });

  it("probes for a socket at once and then every minute, and moves to it with nothing lost", () => {
    const script = new Script();
    fail(script);
    fail(script);
    script.wake().give({ input: "adopt", owner: "u-1", kept: { outbox: OUTBOX, nextN: 5, commands: [] } });
    script.reopen({ in_flight: 1 }).watching({}, 3);
    expect(script.after(1_000).of("probe")).toHaveLength(1);
    script.give({ input: "probed", opens: false });
    script.after(25_000).frame({ type: "pong", behind: {} }).after(25_000).frame({ type: "pong", behind: {} });
    expect(script.after(10_000).of("probe")).toHaveLength(1);
    script.give({ input: "probed", opens: false });
    expect(script.status).toBe("live");
    script.give({ input: "probed", opens: true });
    expect(script.of("connect")).toMatchObject([{ transport: "ws" }]);
    expect(script.reopen().sent).toMatchObject([{ action: "subscribe", from: pos(3) }]);
  });

  it("stays on what was chosen, or on what there is", () => {
    const [ws, sse, none] = [new Script({ choice: "ws" }), new Script({ choice: "sse" }), new Script({ canSocket: false })];
    for (const script of [ws, sse, none]) for (let tries = 0; tries < 4; tries += 1) fail(script);
    expect([ws, sse, none].map((script) => script.state.transport)).toEqual(["ws", "sse", "sse"]);
  });
});
