import { describe, expect, it } from "vitest";
import { Code } from "../src/codes.js";
import type { PatchOp } from "../src/patch.js";
import { etag, pos, Script, TODO } from "./support/script.js";

const set = (n: number): PatchOp[] => [{ op: "replace", path: "/n", value: n }];
const patch = (base: number, to: number, seq = to, ops = set(to)) =>
  ({ type: "patch", actor: TODO, base: etag(base), etag: etag(to), position: pos(seq), ops }) as const;
const snapshot = (seq: number, view: unknown, changes = {}) =>
  ({ type: "snapshot", actor: TODO, position: pos(seq), etag: etag(seq), view, ...changes }) as const;
const resumed = (kind: "current" | "tail" | "snapshot" | "reset" | "gone", seq: number, as: "view" | "events" = "view") =>
  ({ type: "resumed", actor: TODO, as, kind, position: pos(seq) }) as const;
const events = (...seqs: number[]) => ({
  type: "events" as const, actor: TODO, position: pos(seqs.at(-1) as number),
  after_seq: (seqs[0] as number) - 1, through_seq: seqs.at(-1) as number,
  events: seqs.map((seq) => ({ seq, index: 0, at: 1, event: seq })),
});
const ask = (changes = {}) => ({ action: "subscribe", actor: TODO, as: "view", ...changes });
const held = (seq: number) => ask({ from: pos(seq), etag: etag(seq) });

describe("a view", () => {
  it("is asked for without a place, then from where it stands", () => {
    const script = new Script().open().watch();
    expect(script.sent).toEqual([ask()]);
    script.frame(resumed("snapshot", 3)).frame(snapshot(3, { n: 3 })).frame(patch(3, 4));
    expect(script.sub()).toMatchObject({ view: { n: 4 }, position: pos(4), etag: etag(4) });
    expect(script.drop().reopen().sent).toEqual([held(4)]);
    expect(script.frame(resumed("current", 6)).sub()).toMatchObject({ view: { n: 4 }, position: pos(6), etag: etag(4) });
  });

  it("that was promised and did not come is asked for again from the old place", () => {
    const script = new Script().open().watching({ n: 1 }).drop().reopen().frame(resumed("snapshot", 9));
    expect(script.drop().reopen().sent).toEqual([held(1)]);
  });

  it("takes no patch and no snapshot twice, nor an old one", () => {
    const script = new Script().open().watching({ n: 1 }).frame(patch(1, 2)).frame(patch(2, 3));
    for (const old of [patch(1, 2), patch(2, 3), snapshot(1, { n: 1 })]) {
      expect(script.frame(old).effects).toEqual([]);
    }
    expect(script.sub()).toMatchObject({ view: { n: 3 }, gapAt: null });
  });

  it("does not take an old patch for a new one when a view came back to what it was", () => {
    const script = new Script().open().watching({ n: 1 }).frame(patch(1, 2)).frame(patch(2, 1, 3));
    expect(script.sub()).toMatchObject({ etag: etag(1), position: pos(3) });
    script.frame(patch(1, 2));
    expect(script.sub()).toMatchObject({ view: { n: 1 }, position: pos(3) });
  });

  it("with an unknown base waits a second, then asks with what it holds", () => {
    const script = new Script().open().watching({ n: 1 }).frame(patch(5, 6));
    expect(script.effects).toEqual([]);
    expect(script.after(999).sent).toEqual([]);
    expect(script.after(1).sent).toEqual([held(1)]);
    expect([script.status, script.subStatus]).toEqual(["live", "replaying"]);
  });

  it("with an unknown base is helped by the snapshot that was under way, or by the patch that was overtaken", () => {
    const late = new Script().open().watching({ n: 1 }).frame(patch(5, 6)).frame(snapshot(5, { n: 5 }));
    expect(late.sub()).toMatchObject({ view: { n: 6 }, position: pos(6), gapAt: null, early: [] });
    const swapped = new Script().open().watching({ n: 1 }).frame(patch(2, 3)).frame(patch(1, 2));
    expect(swapped.sub()).toMatchObject({ view: { n: 3 }, position: pos(3), gapAt: null });
    expect(swapped.after(5000).sent).toEqual([]);
  });

  it("is not healed by a snapshot from before the gap", () => {
    const script = new Script().open().watching({ n: 1 }).frame(patch(5, 6)).frame(snapshot(3, { n: 3 }));
    expect(script.after(1000).sent).toEqual([held(3)]);
  });

  it("keeps few early patches", () => {
    const script = new Script().open().watching({ n: 1 });
    for (let n = 5; n < 105; n += 1) script.frame(patch(n, n + 1));
    expect(script.sub().early).toHaveLength(16);
  });

  it("that a patch does not fit in spite of its base is asked for whole", () => {
    const script = new Script().open().watching({ n: 1 }).frame(patch(1, 2, 2, [{ op: "remove", path: "/none" }]));
    expect(script.sent).toEqual([ask()]);
    expect(script.sub()).toMatchObject({ view: { n: 1 } });
    expect(script.frame(resumed("snapshot", 2)).frame(snapshot(2, { n: 2 })).sub()).toMatchObject({ view: { n: 2 } });
  });

  it("is reset to an older place when the history was lost", () => {
    const script = new Script().open().watching({ n: 9 }, 9).drop().reopen().frame(resumed("reset", 2));
    script.frame(snapshot(2, { n: 2 }, { reset: true }));
    expect(script.of("view")).toMatchObject([{ reset: true }]);
    expect(script.sub()).toMatchObject({ view: { n: 2 }, position: pos(2), resumed: { kind: "reset", missed: null } });
    expect(script.frame(patch(2, 3)).sub()).toMatchObject({ view: { n: 3 } });
  });

  it("is reset by a snapshot alone, in the middle of a line", () => {
    const script = new Script().open().watching({ n: 9 }, 9).frame(snapshot(2, { n: 2 }, { reset: true }));
    expect(script.of("view")).toMatchObject([{ reset: true }]);
    expect(script.sub()).toMatchObject({ view: { n: 2 }, position: pos(2) });
  });

  it("of a retired actor ends, and is not asked for again", () => {
    const script = new Script().open().watching({ n: 1 }).drop().reopen().frame(resumed("gone", 2));
    expect(script.of("ended")).toMatchObject([{ fault: { code: Code.Gone, name: "gone", kind: "stop" } }]);
    expect([script.subStatus, script.status]).toEqual(["closed", "live"]);
    expect(script.drop().reopen().sent).toEqual([]);
    expect(script.frame(snapshot(3, {})).effects).toEqual([]);
  });
});

describe("a refused subscription", () => {
  const refused = (code: number, changes = {}) =>
    ({ type: "error", code, name: "no", message: "", actor: TODO, as: "view", ...changes }) as const;

  it("ends at a 4xxx", () => {
    const script = new Script().open().watch().frame(refused(4404));
    expect([script.of("ended").length, script.subStatus, script.sub().error?.code]).toEqual([1, "closed", 4404]);
  });

  it("is tried again after retry_after at a 1xxx", () => {
    const script = new Script().open().watch().frame(refused(1503, { retry_after: 2000 }));
    expect([script.status, script.subStatus]).toEqual(["live", "connecting"]);
    expect(script.after(1999).sent).toEqual([]);
    expect(script.wake().sent).toEqual([ask()]);
    expect(script.frame(resumed("snapshot", 1)).sub().error).toBeNull();
  });

  it("is asked for without its place at a 2xxx", () => {
    const script = new Script().open().watching({ n: 1 }).drop().reopen().frame(refused(2400));
    expect(script.wake().sent).toEqual([ask()]);
  });

  it("without as is the one that waits; if none does, a signal was refused and nothing ends", () => {
    const script = new Script().open().watch().frame(refused(4403, { as: undefined }));
    expect(script.subStatus).toBe("closed");
    const live = new Script().open().watching({ n: 1 }).frame(refused(4403, { as: undefined }));
    expect([live.subStatus, live.sub().error?.code]).toEqual(["live", 4403]);
  });

  it("is not the one that waits where the error names the signal", () => {
    const script = new Script().open().watch().frame(refused(4403, { as: undefined, action: "signal" }));
    expect([script.sub().phase, script.sub().error?.code]).toEqual(["asked", 4403]);
  });

  it("is repeated if nobody answers", () => {
    expect(new Script().open().watch().after(15_000).sent).toEqual([ask(), { action: "ping", positions: {} }]);
  });

  it("that nobody answers on a line without a pong shows that it is dead", () => {
    const script = new Script().open().watch().after(15_000).after(10_000);
    expect(script.of("disconnect")).toHaveLength(1);
  });
});

describe("events", () => {
  const live = (): Script => new Script().open().watch(TODO, "events", "start").frame(resumed("tail", 2, "events"));
  const asked = (from?: string) => ({ action: "subscribe", actor: TODO, as: "events", ...(from === undefined ? {} : { from }) });

  it("resume from the last that came, not from what was announced", () => {
    const script = new Script().open().watch(TODO, "events", "start");
    expect(script.sent).toEqual([asked("start")]);
    script.frame(resumed("tail", 9, "events")).frame(events(1, 2));
    expect(script.drop().reopen().sent).toEqual([asked(pos(2))]);
  });

  it("without a place start at the position of resumed", () => {
    const script = new Script().open().watch(TODO, "events");
    expect(script.sent).toEqual([asked()]);
    script.frame(resumed("current", 5, "events"));
    expect(script.drop().reopen().sent).toEqual([asked(pos(5))]);
  });

  it("from before the position held are not heard again", () => {
    const script = live().frame(events(1, 2, 3));
    expect(script.of("events")).toHaveLength(1);
    expect(script.frame(events(1)).effects).toEqual([]);
  });

  it("go back for a second listener who wants older ones, and take no newer frame meanwhile", () => {
    const script = live().frame(events(1, 2)).frame(events(3, 4)).watch(TODO, "events", pos(1));
    expect(script.sent).toEqual([asked(pos(1))]);
    expect(script.frame(events(5)).effects).toEqual([]);
    script.frame(resumed("tail", 5, "events")).frame(events(2, 3, 4, 5));
    expect(script.of("events")).toHaveLength(1);
    expect(script.sub("events").position).toBe(pos(5));
  });

  it("do not go back for one who wants what is ahead", () => {
    expect(live().frame(events(1, 2)).watch(TODO, "events", pos(2)).sent).toEqual([]);
  });

  it("that overtook others are asked for again after a second, and none is missed", () => {
    const script = live().frame(events(1, 2)).frame(events(4));
    expect([script.effects, script.sub("events").position]).toEqual([[], pos(2)]);
    expect(script.after(999).sent).toEqual([]);
    script.frame(events(3));
    expect(script.of("events")).toHaveLength(1);
    expect(script.after(1).sent).toEqual([asked(pos(3))]);
    expect(script.frame(resumed("tail", 4, "events")).frame(events(4)).of("events")).toHaveLength(1);
    expect(script.after(10_000).sent).toEqual([]);
  });

  it("after commits of which nothing was heard are not taken for a gap", () => {
    const script = live().frame(events(1, 2)).frame({ ...events(7), after_seq: 2 });
    expect([script.of("events").length, script.sub("events").position]).toEqual([1, pos(7)]);
  });

  it("start over after a reset", () => {
    const script = live().frame(events(1, 2, 3)).drop().reopen().frame(resumed("reset", 1, "events"));
    expect(script.of("resumed")).toMatchObject([{ note: { kind: "reset" } }]);
    expect(script.frame(events(1)).of("events")).toHaveLength(1);
  });
});

describe("a shared subscription", () => {
  it("is asked for once, and outlives its last listener a little", () => {
    const script = new Script().open().watching({ n: 1 }).watch();
    expect(script.effects).toEqual([]);
    script.give({ input: "release", sub: script.sub().key });
    expect(script.after(499).sent).toEqual([]);
    script.watch();
    expect(script.after(10_000).sent).toEqual([]);
    script.give({ input: "release", sub: script.sub().key });
    expect(script.after(500).sent).toEqual([{ action: "unsubscribe", actor: TODO, as: "view" }]);
    expect(script.state.subs.size).toBe(0);
  });

  it("keeps who is here, until nobody watches", () => {
    const script = new Script().open().watching({ n: 1 });
    const here = [{ id: "u-1", name: "Ada" }];
    script.frame({ type: "presence", actor: TODO, here, count: 140 });
    expect(script.state.presence.get(TODO)).toEqual({ here, count: 140 });
    script.give({ input: "release", sub: script.sub().key }).after(500);
    expect(script.state.presence.size).toBe(0);
  });
});

describe("signals", () => {
  it("go out on an open line, and are not kept for later", () => {
    const script = new Script().wake().give({ input: "signal", actor: TODO, signal: 1 });
    expect(script.sent).toEqual([]);
    expect(script.reopen().sent).toEqual([]);
    expect(script.give({ input: "signal", actor: TODO, signal: 2 }).sent).toEqual([{ action: "signal", actor: TODO, signal: 2 }]);
  });
});
