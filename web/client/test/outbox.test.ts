import { describe, expect, it } from "vitest";
import { overlay, overlaysOf } from "../src/session/overlay.js";
import { nextDeadline, waitingOf } from "../src/session/reduce.js";
import { etag, OUTBOX, pos, Script, TODO, welcome } from "./support/script.js";

const frameOf = (n: number, command: unknown = { type: "add" }, actor = TODO) => ({
  action: "send", actor, command_id: `${OUTBOX}:${n}`, command,
});
/** As it goes out when it has gone out before. */
const again = (frame: object) => ({ ...frame, resent: true });
const accepted = (n: number, seq: number, changes = {}) =>
  ({ type: "accepted", actor: TODO, command_id: `${OUTBOX}:${n}`, position: pos(seq), ...changes }) as const;
const rejected = (n: number, code: number, changes = {}) =>
  ({ type: "rejected", actor: TODO, command_id: `${OUTBOX}:${n}`, code, name: "no", message: "", ...changes }) as const;
const shown = (script: Script): unknown => overlay(script.sub().view, overlaysOf(script.state, TODO)).view;
const plus = (by: number) => (view: unknown) => ({ n: (view as { n: number }).n + by });

describe("a command", () => {
  it("that a drop cut off goes out again under the same id, with the same body", () => {
    const script = new Script().open();
    const key = script.send({ type: "add", text: "milk" });
    expect(script.sent).toEqual([frameOf(1, { type: "add", text: "milk" })]);
    expect(waitingOf(script.drop().state)).toBe(1);
    expect(script.reopen().sent).toEqual([again(frameOf(1, { type: "add", text: "milk" }))]);
    expect(script.drop().reopen().sent).toEqual([again(frameOf(1, { type: "add", text: "milk" }))]);
    script.frame(accepted(1, 5, { etag: etag(5), again: true }));
    expect(script.of("settle")).toEqual([{ do: "settle", key, answer: { position: pos(5), etag: etag(5), again: true } }]);
    expect(waitingOf(script.state)).toBe(0);
    expect(script.drop().reopen().sent).toEqual([]);
  });

  it("waits while there is no line, and goes out in order over all actors", () => {
    const script = new Script();
    script.send(1);
    script.send(2, null, "todo/b");
    script.send(3);
    expect(script.open().sent).toEqual([frameOf(1, 1), frameOf(2, 2, "todo/b"), frameOf(3, 3)]);
  });

  it("keeps from a line that carries less what would end it", () => {
    const script = new Script();
    const [large, small] = [script.send("x".repeat(40_000)), script.send("x")];
    const limits = { frame_bytes: 32_768, signal_bytes: 64, ping_seconds: 25 };
    script.open({ in_flight: 1, limits });
    expect(script.of("reject")).toMatchObject([{ key: large, fault: { name: "too_large", kind: "stop" } }]);
    expect(script.sent).toMatchObject([{ action: "send", command: "x" }]);
    script.frame({ type: "accepted", actor: TODO, command_id: `${OUTBOX}:${small}`, position: pos(2) });
    const sent = script.send("x".repeat(20_000));
    script.drop().reopen({ limits: { ...limits, frame_bytes: 16_384 } });
    expect(script.of("reject")).toMatchObject([{ key: sent, fault: { name: "unknown_outcome" } }]);
    expect(script.sent).toEqual([]);
  });

  it("waits for its turn when in_flight are unanswered", () => {
    const script = new Script().open({ in_flight: 1 });
    script.send(1);
    script.send(2);
    expect(script.sent).toEqual([]);
    expect(script.frame(accepted(1, 1)).sent).toEqual([frameOf(2, 2)]);
  });

  it("that a 1xxx turns away goes out again after retry_after, and holds back its actor but no other", () => {
    const script = new Script().open({ in_flight: 2 });
    script.send(1);
    script.frame(rejected(1, 1429, { retry_after: 2000 }));
    expect(script.effects).toEqual([]);
    script.send(2);
    expect(script.sent).toEqual([]);
    script.send(3, null, "todo/b");
    expect(script.sent).toEqual([frameOf(3, 3, "todo/b")]);
    expect(script.after(1999).sent).toEqual([]);
    expect(script.wake().sent).toEqual([again(frameOf(1, 1))]);
    expect(script.frame(accepted(1, 1)).sent).toEqual([frameOf(2, 2)]);
  });

  it("that waits for its turn makes no deadline of its own", () => {
    const script = new Script().open({ in_flight: 1 });
    script.send(1);
    script.frame(rejected(1, 1429, { retry_after: 2000 }));
    script.send(2, null, "todo/b");
    script.after(5000);
    expect(nextDeadline(script.state) as number).toBeGreaterThan(script.now);
  });

  it("that a 4xxx rejects settles, and is not sent again", () => {
    const script = new Script().open();
    const key = script.send();
    script.frame(rejected(1, 4440, { reason: "list_full" }));
    expect(script.of("reject")).toMatchObject([{ key, fault: { code: 4440, kind: "stop", reason: "list_full" } }]);
    expect(script.drop().reopen().sent).toEqual([]);
  });

  it("is asked again on a line that lives but does not answer", () => {
    const script = new Script().open();
    script.send();
    expect(script.after(14_999).sent).toEqual([]);
    expect(script.after(1).sent).toEqual([again(frameOf(1)), { action: "ping", positions: {} }]);
  });

  it("is answered once: duplicates of an answer find nothing", () => {
    const script = new Script().open();
    script.send();
    script.frame(accepted(1, 1)).frame(accepted(1, 1));
    expect(script.effects).toEqual([]);
    expect(script.frame(rejected(1, 4440)).effects).toEqual([]);
  });

  it("stays within the 64 numbers that an actor remembers the answers of", () => {
    const script = new Script().open({ in_flight: 64 });
    script.send();
    for (let n = 2; n <= 64; n += 1) {
      script.send(n, null, "todo/b");
      script.frame({ ...accepted(n, n), actor: "todo/b" });
    }
    script.send(65);
    expect(script.sent).toEqual([]);
    expect(script.frame(accepted(1, 1)).sent).toEqual([frameOf(65, 65)]);
  });

  it("stays within them while the oldest waits for retry_after, on a new line and after a reload too", () => {
    const others = (script: Script, from: number): void => {
      for (let n = from; n < from + 63; n += 1) {
        script.send(n, null, "todo/b");
        script.frame({ ...accepted(n, n), actor: "todo/b" });
      }
    };
    const script = new Script().open();
    for (let n = 1; n <= 64; n += 1) script.send(n);
    expect(script.sent).toEqual([frameOf(64, 64)]);
    script.frame(rejected(1, 1429, { retry_after: 5000 }));
    for (let n = 2; n <= 64; n += 1) script.frame(accepted(n, n));
    script.send(65);
    expect(script.sent).toEqual([]);
    others(script, 66);
    expect(script.drop().reopen().sent).toEqual([]);
    expect(script.after(6000).sent).toEqual([again(frameOf(1, 1))]);
    expect(script.frame(accepted(1, 65)).sent).toEqual([frameOf(65, 65)]);

    const next = new Script().wake();
    const commands = [7, 70, 71].map((n) => ({ n, actor: TODO, command: n, sent: n === 7 }));
    next.give({ input: "adopt", owner: "u-1", kept: { outbox: OUTBOX, nextN: 72, commands } });
    expect(next.reopen().sent).toEqual([again(frameOf(7, 7)), frameOf(70, 70)]);
    expect(next.frame(accepted(7, 1)).sent).toEqual([frameOf(71, 71)]);
  });
});

describe("a command that is on more than one line", () => {
  const twice = (): { script: Script; key: number } => {
    const script = new Script().open();
    const key = script.send();
    script.drop().reopen();
    return { script, key };
  };

  it("is refused once a commit keeps the refusal, or nothing is carried out any more", () => {
    for (const [code, changes] of [[4440, { position: pos(7), reason: "full" }], [4405, {}]] as const) {
      const { script, key } = twice();
      script.frame(rejected(1, code, changes));
      expect(script.of("reject")).toMatchObject([{ key, fault: { code } }]);
      expect(script.drop().reopen().sent).toEqual([]);
    }
  });

  it("has an unknown outcome if it is refused and nothing keeps that", () => {
    const { script, key } = twice();
    script.frame(rejected(1, 4404, { message: "Not there." }));
    expect(script.of("reject")).toMatchObject([{ key, fault: { code: 0, name: "unknown_outcome", kind: "stop" } }]);
    expect(script.of("reject")[0]?.fault.message).toContain("Not there.");
  });

  it("waits for the answer to a later copy, whatever the first one is told", () => {
    const script = new Script().open();
    const key = script.send();
    script.after(15_000);
    expect(script.frame(rejected(1, 4440)).effects).toEqual([]);
    script.frame({ type: "pong", behind: {} });
    expect(script.after(15_000).sent).toContainEqual(again(frameOf(1)));
    script.frame(accepted(1, 5));
    expect(script.of("settle")).toMatchObject([{ key }]);
  });

  it("that was turned away while it was the only copy has no first copy to wait for", () => {
    const script = new Script().open();
    const key = script.send();
    script.frame(rejected(1, 1503)).wake();
    script.frame(rejected(1, 4404));
    expect(script.of("reject")).toMatchObject([{ key, fault: { name: "unknown_outcome" } }]);
  });
});

describe("a command that the host takes for an old one", () => {
  const old = (n: number, changes = {}) => rejected(n, 4431, changes);
  const moved = (n: number, command: unknown, actor = TODO) => ({ action: "send", actor, command_id: `other-1:${n}`, command });

  it("was not carried out if it was sent once: it goes out from a new outbox, and nobody is told", () => {
    const script = new Script().open().watching({ n: 1 });
    const key = script.send("first", plus(10));
    script.frame(old(1));
    expect([script.of("reject"), script.state.outbox.id, shown(script)]).toEqual([[], null, { n: 11 }]);
    script.wake().give({ input: "opened", number: script.state.number, token: "t" });
    expect(script.sent).toEqual([{ action: "hello", token: "t" }]);
    script.frame(welcome({ outbox: "other-1" }));
    expect(script.sent).toContainEqual(moved(1, "first"));
    script.frame({ ...accepted(1, 5), command_id: "other-1:1" });
    expect(script.of("settle")).toMatchObject([{ key, answer: { position: pos(5) } }]);
  });

  it("was perhaps carried out if it was sent twice: its sender is told", () => {
    const script = new Script().open();
    const key = script.send("first");
    script.drop().reopen().frame(old(1));
    expect(script.of("reject")).toMatchObject([{ key, fault: { code: 4431 } }]);
    expect(script.reopen({ outbox: "other-1" }).sent).toEqual([]);
  });

  it("was perhaps carried out if an earlier page sent it", () => {
    const script = new Script().wake();
    const commands = [{ n: 7, actor: TODO, command: "old", sent: true }, { n: 8, actor: TODO, command: "new", sent: false }];
    script.give({ input: "adopt", owner: "u-1", kept: { outbox: OUTBOX, nextN: 9, commands } }).reopen();
    script.frame(old(7));
    expect(script.of("reject")).toMatchObject([{ key: -1, fault: { code: 4431 } }]);
    script.frame(old(8));
    expect(script.of("reject")).toEqual([]);
    expect(script.reopen({ outbox: "other-1" }).sent).toEqual([moved(1, "new")]);
  });

  it("waits for the answers of the others: their ids would be lost with the outbox", () => {
    const script = new Script().open();
    const keys = [script.send("old"), script.send("new", null, "todo/b"), script.send("old too")];
    expect(script.frame(old(1)).effects).toEqual([]);
    script.send("later");
    expect(script.sent).toEqual([]);
    expect(script.drop().reopen().sent).toEqual([again(frameOf(2, "new", "todo/b")), again(frameOf(3, "old too"))]);
    script.frame({ ...accepted(2, 9, { again: true }), actor: "todo/b" });
    expect(script.of("settle")).toMatchObject([{ key: keys[1] }]);
    script.frame(old(3));
    expect(script.of("reject")).toMatchObject([{ key: keys[2], fault: { code: 4431 } }]);
    expect(script.reopen({ outbox: "other-1" }).sent).toEqual([moved(1, "old"), moved(2, "later")]);
  });

  it("is not moved for ever", () => {
    const script = new Script().open();
    const key = script.send("first");
    for (let moves = 0; moves < 3; moves += 1) {
      script.frame(old(1, { command_id: `${script.state.outbox.id}:1` }));
      expect(script.of("reject")).toEqual([]);
      script.reopen({ outbox: `other-${moves}` });
    }
    script.frame(old(1, { command_id: `${script.state.outbox.id}:1` }));
    expect(script.of("reject")).toMatchObject([{ key, fault: { code: 4431 } }]);
  });
});

describe("an optimistic command", () => {
  it("shows at once; accepted before its patch it stays, so that nothing flickers", () => {
    const script = new Script().open().watching({ n: 1 });
    script.send({}, plus(10));
    expect(shown(script)).toEqual({ n: 11 });
    script.frame(accepted(1, 2, { etag: etag(2) }));
    expect([script.of("settle").length, shown(script), waitingOf(script.state)]).toEqual([1, { n: 11 }, 0]);
    const ops = [{ op: "replace" as const, path: "/n", value: 11 }];
    script.frame({ type: "patch", actor: TODO, base: etag(1), etag: etag(2), position: pos(2), ops });
    expect([script.commands, shown(script)]).toEqual([[], { n: 11 }]);
  });

  it("accepted after its patch goes at once: the position says that the view has it", () => {
    const script = new Script().open().watching({ n: 1 });
    script.send({}, () => ({ n: 11 }));
    const ops = [{ op: "replace" as const, path: "/n", value: 11 }];
    script.frame({ type: "patch", actor: TODO, base: etag(1), etag: etag(3), position: pos(3), ops });
    script.frame(accepted(1, 2));
    expect([script.commands, shown(script)]).toEqual([[], { n: 11 }]);
  });

  it("that did not change the view goes by the etag", () => {
    const script = new Script().open().watching({ n: 1 });
    script.send({}, plus(0));
    script.frame(accepted(1, 9, { etag: etag(1) }));
    expect(script.commands).toEqual([]);
  });

  it("that was rejected is rolled back, and those after it stay", () => {
    const script = new Script().open().watching({ n: 1 });
    script.send({}, plus(10));
    script.send({}, plus(100));
    expect(shown(script)).toEqual({ n: 111 });
    script.frame(rejected(1, 4440));
    expect(shown(script)).toEqual({ n: 101 });
  });

  it("whose function throws shows nothing, and is sent all the same", () => {
    const script = new Script().open().watching({ n: 1 });
    script.send({}, () => {
      throw new Error("the view changed under it");
    });
    expect(script.sent).toHaveLength(1);
    expect(shown(script)).toEqual({ n: 1 });
  });

  it("leaves no overlay behind at an actor that was retired", () => {
    const script = new Script().open().watching({ n: 1 });
    script.send({}, plus(1));
    script.frame(accepted(1, 2)).drop().reopen();
    script.frame({ type: "resumed", actor: TODO, as: "view", kind: "gone", position: pos(3) });
    expect(script.commands).toEqual([]);
  });
});

describe("the outbox", () => {
  it("takes 256 commands and says no to the next, clearly", () => {
    const script = new Script();
    for (let n = 1; n <= 256; n += 1) script.send(n);
    expect(script.effects).toEqual([]);
    const key = script.send(257);
    expect(script.of("reject")).toMatchObject([{ key, fault: { name: "outbox_full", kind: "retry" } }]);
    script.open().frame(accepted(1, 1));
    script.send(258);
    expect(script.of("reject")).toEqual([]);
  });

  it("puts what an earlier page left before what this page sent meanwhile", () => {
    const script = new Script();
    script.send("new");
    const commands = [
      { n: 7, actor: TODO, command: "old", sent: true },
      { n: 8, actor: TODO, command: "older page, never sent", sent: false },
    ];
    script.wake().give({ input: "adopt", owner: "u-1", kept: { outbox: OUTBOX, nextN: 9, commands } });
    expect(script.reopen().sent).toEqual([again(frameOf(7, "old")), frameOf(8, "older page, never sent"), frameOf(9, "new")]);
  });

  it("that the host does not know any more: what it may have seen is not sent again, the rest is", () => {
    const script = new Script().open({ in_flight: 1 });
    const [first, second] = [script.send("seen"), script.send("unseen")];
    script.drop().reopen({ outbox: "other-1" });
    expect(first).toBeLessThan(second);
    const frame = { action: "send", actor: TODO, command_id: "other-1:1", command: "unseen" };
    expect(script.sent).toEqual([frame]);
  });

  it("tells the sender of a command whose outcome cannot be known", () => {
    const script = new Script().open();
    const key = script.send("seen");
    script.drop().wake().give({ input: "opened", number: 2, token: "t" });
    script.reopen({ outbox: "other-1" });
    expect(script.of("reject")).toMatchObject([{ key, fault: { name: "unknown_outcome", kind: "stop" } }]);
  });

  it("without a name is never sent twice", () => {
    const script = new Script({ choice: "sse" }).open({ outbox: "", in_flight: 1 });
    const key = script.send("once");
    expect(script.sent).toEqual([{ action: "send", actor: TODO, command_id: ":1", command: "once" }]);
    script.drop();
    expect(script.of("reject")).toMatchObject([{ key, fault: { name: "unknown_outcome" } }]);
    expect(script.reopen({ outbox: "" }).sent).toEqual([]);
  });

  it("of one principal is not sent as another", () => {
    const script = new Script().open({ in_flight: 1 });
    const keys = [script.send("as Ada"), script.send("as Ada, not yet sent")];
    script.drop().wake().give({ input: "adopt", owner: "u-2", kept: null });
    expect(script.of("reject")).toMatchObject(keys.map((key) => ({ key, fault: { name: "principal_changed" } })));
    expect(script.reopen({ outbox: "other-1" }).sent).toEqual([]);
  });

  it("that another tab took is let go", () => {
    const script = new Script().open();
    const key = script.send();
    script.give({ input: "outbox_taken" });
    expect(script.of("reject")).toMatchObject([{ key, fault: { name: "outbox_taken" } }]);
    expect([script.state.outbox.id, script.status]).toEqual([null, "offline"]);
  });
});
