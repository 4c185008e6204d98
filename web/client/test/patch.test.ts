import { describe, expect, it } from "vitest";
import { applyPatch, PatchError, type PatchOp } from "../src/patch.js";

const view = { items: { i1: { text: "milk" } }, order: ["i1", "i2"], "a/b~c": 1 };

describe("a patch", () => {
  it.each<[string, PatchOp[], unknown]>([
    ["adds a key", [{ op: "add", path: "/items/i2", value: 7 }], { ...view, items: { i1: { text: "milk" }, i2: 7 } }],
    ["adds over a key", [{ op: "add", path: "/items/i1", value: 7 }], { ...view, items: { i1: 7 } }],
    ["inserts into a list", [{ op: "add", path: "/order/1", value: "x" }], { ...view, order: ["i1", "x", "i2"] }],
    ["appends to a list", [{ op: "add", path: "/order/-", value: "x" }], { ...view, order: ["i1", "i2", "x"] }],
    ["appends by number", [{ op: "add", path: "/order/2", value: "x" }], { ...view, order: ["i1", "i2", "x"] }],
    ["removes a key", [{ op: "remove", path: "/items/i1" }], { ...view, items: {} }],
    ["removes an item", [{ op: "remove", path: "/order/0" }], { ...view, order: ["i2"] }],
    ["replaces deeply", [{ op: "replace", path: "/items/i1/text", value: null }], { ...view, items: { i1: { text: null } } }],
    ["reads escaped keys", [{ op: "replace", path: "/a~1b~0c", value: 2 }], { ...view, "a/b~c": 2 }],
    ["replaces all", [{ op: "replace", path: "", value: [1] }], [1]],
    ["applies in order", [{ op: "remove", path: "/order/0" }, { op: "replace", path: "/order/0", value: "z" }], { ...view, order: ["z"] }],
  ])("%s", (_name, ops, after) => {
    const before = structuredClone(view);
    expect(applyPatch(view, ops)).toEqual(after);
    expect(view).toEqual(before);
  });

  it.each<[PatchOp]>([
    [{ op: "replace", path: "/none", value: 1 }],
    [{ op: "remove", path: "/none" }],
    [{ op: "remove", path: "" }],
    [{ op: "add", path: "/none/deep", value: 1 }],
    [{ op: "add", path: "/order/3", value: 1 }],
    [{ op: "remove", path: "/order/2" }],
    [{ op: "remove", path: "/order/-" }],
    [{ op: "replace", path: "/order/01", value: 1 }],
    [{ op: "replace", path: "/order/2/x", value: 1 }],
    [{ op: "add", path: "items", value: 1 }],
    [{ op: "replace", path: "/items/i1/text/x", value: 1 }],
    [{ op: "replace", path: "/toString", value: 1 }],
  ])("refuses %j", (op) => {
    expect(() => applyPatch(view, [op])).toThrow(PatchError);
  });

  it("keeps the identity of what it does not touch", () => {
    const after = applyPatch(view, [{ op: "add", path: "/order/-", value: "x" }]) as typeof view;
    expect(after.items).toBe(view.items);
  });

  it("cannot reach a prototype", () => {
    const after = applyPatch({}, [{ op: "add", path: "/__proto__", value: { polluted: true } }]) as Record<string, unknown>;
    expect(after["polluted"]).toBeUndefined();
    expect(Object.keys(after)).toEqual(["__proto__"]);
    expect(() => applyPatch({}, [{ op: "add", path: "/__proto__/polluted", value: 1 }])).toThrow(PatchError);
  });
});
