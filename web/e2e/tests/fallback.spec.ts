import { agreed, expect, test } from "../support/test.ts";
import { Proxy } from "../support/proxy.ts";

test("where sockets do not pass, the list is live all the same", async ({ host, windows }) => {
  const proxy = await Proxy.to(host.url);
  const id = await (await host.guest("Host")).list("Saturday market", ["Flour"]);
  const ana = await windows.list(id, { name: "Ana", url: proxy.url });
  const bo = await windows.list(id, { name: "Bo" });
  await expect(ana.status).toHaveText("Live");
  expect(proxy.upgrades).toBeGreaterThan(0);
  await expect(ana.person("Bo")).toContainText("here");
  await expect(bo.person("Ana")).toContainText("here");
  await bo.add("Eggs");
  await expect(ana.row("Eggs")).toBeVisible();
  await ana.add("Salt", "Tape", "Rope");
  await bo.tick("Flour").click();
  await expect(ana.tick("Flour")).toBeChecked();
  await agreed(host, id, [ana, bo], ["Flour", "Eggs", "Salt", "Tape", "Rope"]);

  // The stream is cut and comes back where it was.
  proxy.cut();
  await expect(ana.status).toHaveText("Offline");
  await ana.add("Cash box");
  await bo.add("Coins");
  await expect(ana.status).toHaveText("Offline, 1 waiting");
  proxy.mend();
  await expect(ana.status).toHaveText("Live");
  await expect(ana.note).toHaveText("You are up to date. One move happened while you were away.");
  await agreed(host, id, [ana, bo], ["Flour", "Eggs", "Salt", "Tape", "Rope", "Coins", "Cash box"]);
  await proxy.close();
});

test("home is live over streams", async ({ host, windows }) => {
  const proxy = await Proxy.to(host.url);
  const guest = await host.guest("Ana");
  const home = await windows.open("/", { url: proxy.url });
  await expect(home.getByTestId("status")).toHaveText("Live");
  const market = await guest.list("Saturday market");
  const row = home.getByRole("listitem").filter({ hasText: "Saturday market" });
  await expect(row).toBeVisible();
  proxy.cut();
  await expect(home.getByTestId("status")).toHaveText("Offline");
  await guest.list("Reading group");
  await guest.retire(market);
  proxy.mend();
  await expect(home.getByRole("listitem").filter({ hasText: "Reading group" })).toBeVisible();
  await expect(row).toHaveCount(0);
  await proxy.close();
});

test("a browser without sockets works too, and over a reload", async ({ host, windows }) => {
  const proxy = await Proxy.to(host.url);
  const id = await (await host.guest("Host")).list("Saturday market", ["Flour"]);
  const ana = await windows.list(id, { url: proxy.url });
  await expect(ana.status).toHaveText("Live");
  await ana.pullThePlug();
  await ana.add("Eggs", "Tape");
  await ana.page.reload();
  await agreed(host, id, [ana], ["Flour", "Eggs", "Tape"]);
  await expect(ana.page.getByRole("slider")).toHaveAttribute("max", "4");
  await proxy.close();
});
