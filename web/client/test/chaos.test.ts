/**
 * Two clients on a wire that drops, doubles and reorders. Whatever it does, every command is carried out exactly
 * once and in order, every event is heard exactly once, and in the end the views are the host's.
 * A failing seed is in the test's name; DORMOUSE_SEEDS=1000 tries more.
 */
import { describe, expect, it } from "vitest";
import { createClient } from "../src/client.js";
import type { ActorTypes } from "../src/types.js";
import { FakeHost, type ListView } from "./support/host.js";
import { FakeClock, MemoryStorage, seeded, tokenFor } from "./support/world.js";

interface List extends ActorTypes {
  command: { text: string };
  event: { text: string };
  view: ListView;
}
const COMMANDS = 30;
const SEEDS = Number(process.env["DORMOUSE_SEEDS"] ?? 40);

async function run(seed: number): Promise<void> {
  const clock = new FakeClock();
  const host = new FakeHost(clock);
  const random = seeded(seed);
  host.inFlight = 1 + Math.floor(random() * 8);
  host.faults = { random, drop: 0.05, duplicate: 0.15, reorder: 0.15 };
  const people = ["ada", "bo"].map((name) => person(name, clock, host, random));
  for (let n = 1; n <= COMMANDS; n += 1) {
    for (const { name, list, answers, client } of people) {
      const text = `${name}-${n}`;
      const answer = list.send({ text }, { optimistic: (view) => ({ ...view, count: view.count + 1 }) });
      answers.push(answer);
      if (random() < 0.05) client.unplug();
      if (random() < 0.3) client.plug();
    }
    await clock.pass(random() * 400);
  }
  people.forEach(({ client }) => client.plug());
  await clock.pass(60_000);
  host.faults = null;
  await clock.pass(120_000);

  const { log } = host.actor("list/a");
  const sent = (name: string): string[] => Array.from({ length: COMMANDS }, (_, at) => `${name}-${at + 1}`);
  for (const { name, answers, view, heard, client } of people) {
    expect(log.filter((text) => text.startsWith(name))).toEqual(sent(name));
    expect(await Promise.all(answers)).toHaveLength(COMMANDS);
    expect([client.status, client.waiting, view.status, view.pending]).toEqual(["live", 0, "live", []]);
    expect(view.view).toEqual(host.viewOf("list/a"));
    expect(heard).toEqual(log);
    client.close();
  }
}

function person(name: string, clock: FakeClock, host: FakeHost, random: () => number) {
  const client = createClient<{ list: List }>({
    endpoint: "http://host", clock, random, storage: new MemoryStorage(), fetch: host.fetch, transport: "ws",
    WebSocket: host.WebSocket as never, token: () => tokenFor(name),
  });
  const list = client.actor("list").get("a");
  const heard: string[] = [];
  list.subscribe({ as: "events", from: "start" }).on((update) => heard.push(...update.events.map(({ event }) => event.text)));
  const answers: Promise<unknown>[] = [];
  return { name, client, list, heard, answers, view: list.subscribe() };
}

describe("on a wire that drops, doubles and reorders", () => {
  it.each(Array.from({ length: SEEDS }, (_, at) => at + 1))("seed %i ends where the host is", (seed) => run(seed));
});
