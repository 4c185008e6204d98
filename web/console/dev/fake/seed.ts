// The mock-ups' story, so that pictures can be laid beside them.
import type { Row } from "../../src/sdk";
import { FakeHost, FakeRoom, positionOf } from "./host";

const ANA = { id: "ana", name: "Ana" };
const BO = { id: "bo", name: "Bo" };
const CHI = { id: "chi", name: "Chi" };
const MINUTE = 60_000;
const DAY = 86_400_000;

/** Random, and the same every time. */
function dice(seed: number) {
  return () => {
    seed = (seed * 1664525 + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
}

export function seeded(): FakeHost {
  const host = new FakeHost();
  const now = Date.now();
  host.kinds = [
    ["todo", "Todo"],
    ["liap-tui", "Liap Tui"],
    ["duel", "Duel Arena"],
    ["world", "Worldbuild"],
    ["ledger", "LedgerQuest"],
  ].map(([kind, title]) => ({ kind: kind!, title: title! }));
  host.add(market(now));
  host.add(quiet("reading", "Reading group", now - 3 * DAY, 9));
  host.add(quiet("garden", "", now - 11 * DAY, 4));
  host.others.push(...others(now));
  host.unseen = 1277;
  host.lastWakeUs = 1800;
  host.activity = activity(now);
  return host;
}

function market(now: number): FakeRoom {
  const room = new FakeRoom("market", "Saturday market", now - 9 * DAY);
  const roll = dice(7);
  const bursts = [
    [9, 14],
    [6.5, 12],
    [4, 7],
    [2.2, 20],
  ] as const;
  // Filler: things that came and went on earlier days.
  for (const [daysAgo, count] of bursts) {
    let at = now - daysAgo * DAY + MINUTE;
    for (let i = 0; i < count; i++) {
      at += 2000 + roll() * 90_000;
      room.act({ type: "add_todo", title: `Stall note ${i + 1}` }, [ANA, BO, CHI][i % 3]!, at);
      if (i % 3 === 2) room.act({ type: "delete_todo", id: String(room.head.state.last - 1) }, ANA, at + 1500);
    }
    for (const id of Object.keys(room.view.items))
      room.act({ type: "delete_todo", id }, BO, (at += 1000 + roll() * 20_000));
  }
  const things = [
    ["Borrow the long table from Bo", ANA],
    ["Flour, 10 kg, and the good salt", BO],
    ["Print price cards", CHI],
    ["Two gas bottles", ANA],
    ["Ask Chi about the awning", CHI],
    ["Change for the till: $80 in coins", BO],
  ] as const;
  let at = now - 22 * MINUTE;
  for (const [title, by] of things) room.act({ type: "add_todo", title }, by, (at += 30_000 + roll() * 100_000));
  const ids = Object.keys(room.view.items);
  for (const id of ids.slice(0, 3)) room.act({ type: "toggle_todo", id }, BO, (at += 20_000 + roll() * 60_000));
  return room;
}

function quiet(id: string, title: string, at: number, things: number): FakeRoom {
  const room = new FakeRoom(id, title, at - DAY);
  for (let i = 0; i < things; i++)
    room.act({ type: "add_todo", title: `Chapter ${i + 1}` }, BO, at - (things - i) * MINUTE);
  return room;
}

function others(now: number): Row[] {
  const row = (
    kind: string,
    id: string,
    title: string,
    awake: boolean,
    updated: number,
    seq: number,
    members: string[],
  ): Row => ({
    kind,
    id,
    title,
    status: "open",
    members,
    sort: 0,
    position: positionOf(seq),
    updated_at: now - updated,
    created_at: now - DAY * 20,
    awake,
  });
  return [
    row("liap-tui", "4F2A9C", "Table 4F2A9C", true, 9000, 418, ["ana", "mio", "bo"]),
    row("duel", "d1", "qwen2.5 against gemma2", true, 4000, 64, []),
    row("world", "w1", "The Tidal Archive", true, 31_000, 187, ["a", "b"]),
    row("ledger", "l1", "Harbour Nine", true, 100, 342_987, ["r", "k", "t"]),
    row("liap-tui", "B81D03", "Table B81D03", false, 8.2 * 3_600_000, 301, ["bo"]),
    row("world", "w2", "Glass Monsoon", false, 5 * DAY, 402, ["a"]),
  ];
}

function activity(now: number) {
  const roll = dice(3);
  return Array.from({ length: 144 }, (_, i) => {
    const night = i > 54 && i < 99;
    const wave = Math.max(0, Math.sin(i / 9) + 0.7);
    return { at: now - (143 - i) * 600_000, commits: night ? 0 : Math.round((0.1 + wave) * (40 + roll() * 30)) };
  });
}
