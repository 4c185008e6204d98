import { agreed, expect, type List, test } from "../support/test.ts";

test("a host that dies in mid-sentence costs nobody a word", { tag: "@cloud" }, async ({ host, windows }) => {
  // Where one command is on its way at a time, forty of them take theirs.
  test.setTimeout(120_000);
  const id = await (await host.guest("Host")).list("Saturday market");
  const ana = await windows.list(id, { name: "Ana" });
  const bo = await windows.list(id, { name: "Bo" });
  await expect(ana.person("Bo")).toContainText("here");

  const acknowledged = new Set<string>();
  const write = async (list: List, who: string, from: number, to: number) => {
    for (let number = from; number <= to; number += 1) {
      await list.add(`${who} ${number}`);
      for (const { title, waiting } of await list.read()) if (!waiting) acknowledged.add(title);
    }
  };
  const both = (from: number, to: number) => [write(ana, "Ana", from, to), write(bo, "Bo", from, to)];
  await Promise.all(both(1, 5));
  const typing = both(6, 25);
  // It dies with commands in its hands: taken off the line, and not answered.
  host.freeze();
  for (const list of [ana, bo]) await expect.poll(() => list.waiting()).not.toEqual([]);
  await host.kill();
  await Promise.all(typing);
  for (const list of [ana, bo]) await expect(list.status).toContainText(/^Offline, \d+ waiting$/);
  await host.up();

  for (const list of [ana, bo]) await expect(list.status).toHaveText("Live");
  const titles = await agreed(host, id, [ana, bo], 50);
  expect(acknowledged.size).toBeGreaterThan(0);
  const typed = ["Ana", "Bo"].flatMap((who) => Array.from({ length: 25 }, (_, at) => `${who} ${at + 1}`));
  expect([...titles].sort()).toEqual([...typed].sort());
  // Each one's own words keep their order.
  for (const who of ["Ana", "Bo"])
    expect(titles.filter((title) => title.startsWith(who))).toEqual(typed.filter((title) => title.startsWith(who)));

  // The line is whole again: typing is heard, which only a socket carries.
  await bo.field.pressSequentially("Eggs");
  await expect(ana.plate.getByText("Bo is typing")).toBeVisible();

  await host.stop();
  await host.verified({ actors: 1, commits: 51 });
});

test("a host that is stopped politely is waited for", async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market", ["Flour"]);
  const ana = await windows.list(id);
  await expect(ana.row("Flour")).toBeVisible();
  await host.stop();
  await expect(ana.status).toHaveText("Offline");
  await ana.add("Eggs");
  await host.up();
  await expect(ana.status).toHaveText("Live");
  await agreed(host, id, [ana], ["Flour", "Eggs"]);
});

test("home says that the host does not answer, and goes on when it does", async ({ host, windows }) => {
  await (await host.guest("Ana")).list("Saturday market");
  const page = await windows.open("/");
  await expect(page.getByRole("link", { name: "Open Saturday market" })).toBeVisible();
  await host.kill();
  await expect(page.getByText(/The host does not answer\. What you see was read/)).toBeVisible();
  await expect(page.getByRole("link", { name: "Open Saturday market" })).toBeVisible();
  await expect(page.getByTestId("status")).toHaveText("Offline");
  await host.up();
  await expect(page.getByText("The host does not answer.")).toHaveCount(0);
  await expect(page.getByTestId("status")).toHaveText("Live");
});
