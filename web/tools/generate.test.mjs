import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { codesFile } from "./codes.mjs";
import { kindFiles } from "./kinds.mjs";

const busy = { code: 1429, name: "busy", http: 429, close: 4429, action: "sign in", meaning: 'Wait for "it" */ then.' };

test("a code has a member, a name and a row", () => {
  const text = codesFile({ codes: [busy] });
  assert.match(text, /\n {2}Busy: 1429,\n/);
  assert.match(text, /\{ code: 1429, name: "busy", action: "sign_in", meaning: "Wait for \\"it\\" \*\/ then\." \}/);
  assert.equal(text.match(/\*\//g).length, 3, "the meaning does not end its comment");
});

test("a kind's own types bear its name, also where they are called otherwise or have no schema", async () => {
  const command = { oneOf: [{ type: "object", properties: { then: { $ref: "#/$defs/Command" } } }] };
  const kinds = { "liap-tui": { config: true, command: { $ref: "#/$defs/Command" }, view: { type: "integer" } } };
  const files = new Map(await kindFiles({ kinds, $defs: { Command: command, Unused: { type: "string" } } }));
  const text = files.get("liap-tui.ts");
  assert.match(text, /export type LiapTuiConfig = unknown;/);
  assert.match(text, /export type LiapTuiView = number;/);
  assert.match(text, /then\?: LiapTuiCommand;/);
  assert.doesNotMatch(text, /Unused|\bCommand\b/);
  assert.match(files.get("kinds.ts"), /"liap-tui": LiapTuiTypes;/);
});

test("--check names what is stale, and refuses what is not a schema", () => {
  const script = fileURLToPath(new URL("generate.mjs", import.meta.url));
  const run = (input) => spawnSync(process.execPath, [script, "--check"], { input, encoding: "utf8" });
  const stale = run(JSON.stringify({ codes: [busy], kinds: {}, $defs: {} }));
  assert.equal(stale.status, 1);
  assert.match(stale.stderr, /Stale: client\/src\/codes\.ts.*npm run generate/);
  const wrong = run("{}");
  assert.deepEqual([wrong.status, wrong.stderr.includes("arcade schema")], [1, true]);
});
