/**
 * RFC 6902, as much of it as the wire uses: add, remove, replace. Immutable: what an operation does not
 * touch keeps its identity, so that a user interface can compare by reference.
 */
export type PatchOp =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

export class PatchError extends Error {}

export function applyPatch(document: unknown, ops: readonly PatchOp[]): unknown {
  return ops.reduce(applyOp, document);
}

function applyOp(document: unknown, op: PatchOp): unknown {
  const keys = keysOf(op.path);
  if (keys.length > 0) return edit(document, keys, 0, op);
  if (op.op === "remove") throw new PatchError("the whole document cannot be removed");
  return op.value;
}

function keysOf(path: string): string[] {
  if (path === "") return [];
  if (!path.startsWith("/")) throw new PatchError(`not a pointer: ${path}`);
  return path.slice(1).split("/").map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function edit(node: unknown, keys: readonly string[], depth: number, op: PatchOp): unknown {
  const key = keys[depth] as string;
  const last = depth === keys.length - 1;
  if (Array.isArray(node)) {
    return last ? editArray(node, key, op) : withItem(node, key, (item) => edit(item, keys, depth + 1, op));
  }
  if (typeof node !== "object" || node === null) throw new PatchError(`nothing at ${op.path}`);
  const map = node as Record<string, unknown>;
  if (last) return editMap(map, key, op);
  if (!Object.hasOwn(map, key)) throw new PatchError(`nothing at ${op.path}`);
  return withKey(map, key, edit(map[key], keys, depth + 1, op));
}

function editMap(map: Record<string, unknown>, key: string, op: PatchOp): Record<string, unknown> {
  if (op.op !== "add" && !Object.hasOwn(map, key)) throw new PatchError(`nothing at ${op.path}`);
  if (op.op !== "remove") return withKey(map, key, op.value);
  return Object.fromEntries(Object.entries(map).filter(([name]) => name !== key));
}

/** `defineProperty` and not assignment, for a key named `__proto__` must stay a key. */
function withKey(map: Record<string, unknown>, key: string, value: unknown): Record<string, unknown> {
  const copy = { ...map };
  Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true });
  return copy;
}

function editArray(items: readonly unknown[], key: string, op: PatchOp): unknown[] {
  const index = op.op === "add" && key === "-" ? items.length : indexOf(key);
  const end = op.op === "add" ? items.length : items.length - 1;
  if (index > end) throw new PatchError(`nothing at ${op.path}`);
  const tail = items.slice(op.op === "add" ? index : index + 1);
  const middle = op.op === "remove" ? [] : [op.value];
  return [...items.slice(0, index), ...middle, ...tail];
}

function withItem(items: readonly unknown[], key: string, change: (item: unknown) => unknown): unknown[] {
  const index = indexOf(key);
  if (index >= items.length) throw new PatchError(`no item ${key}`);
  return items.map((item, at) => (at === index ? change(item) : item));
}

function indexOf(key: string): number {
  if (!/^(0|[1-9]\d{0,9})$/.test(key)) throw new PatchError(`not an index: ${key}`);
  return Number(key);
}
