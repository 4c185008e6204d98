import { keepPage } from "../support/kept.ts";
import { agreed, expect, List, test } from "../support/test.ts";

test("a pulled plug keeps everything, and plugging in again brings both sides together", async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market", ["Flour"]);
  const ana = await windows.list(id, { name: "Ana" });
  const bo = await windows.list(id, { name: "Bo" });
  await expect(ana.status).toHaveText("Live");
  await expect(ana.row("Flour")).toBeVisible();
  await expect(bo.person("Ana")).toContainText("here");
  await ana.pullThePlug();
  await ana.add("Eggs", "Tape", "Eggs");
  await ana.tick("Flour").click();
  expect(await ana.waiting()).toEqual(["Flour", "Eggs", "Tape", "Eggs"]);
  await expect(ana.status).toHaveText("Offline, 4 waiting");
  await expect(ana.note).toHaveText("Everything here is kept until the line is back");
  await expect(ana.person("You")).toContainText("offline");

  await bo.add("Cash box", "Salt");
  await expect(bo.person("Ana")).toContainText("left");
  expect(await bo.titles()).toEqual(["Flour", "Cash box", "Salt"]);
  expect(await ana.titles()).toEqual(["Flour", "Eggs", "Tape", "Eggs"]);

  await ana.plugBackIn();
  await expect(ana.status).toHaveText("Live");
  await expect(ana.note).toHaveText("You are up to date. Two moves happened while you were away.");
  await agreed(host, id, [ana, bo], ["Flour", "Cash box", "Salt", "Eggs", "Tape", "Eggs"]);
  await expect(bo.tick("Flour")).toBeChecked();
  expect((await (await host.guest("Host")).see(id)).position).toMatch(/^1:8:/);
});

test("a browser that is offline says so and comes back by itself", async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market", ["Flour"]);
  const ana = await windows.list(id);
  await expect(ana.row("Flour")).toBeVisible();
  await ana.page.context().setOffline(true);
  await expect(ana.status).toHaveText("Offline");
  await ana.add("Eggs");
  await expect(ana.status).toHaveText("Offline, 1 waiting");
  await ana.page.context().setOffline(false);
  await expect(ana.status).toHaveText("Live");
  await agreed(host, id, [ana], ["Flour", "Eggs"]);
});

test("a plug stays pulled while one looks at home", async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market", ["Flour"]);
  const ana = await windows.list(id);
  await expect(ana.row("Flour")).toBeVisible();
  await ana.pullThePlug();
  await ana.add("Eggs");
  await ana.page.getByRole("link", { name: "Dormouse, all rooms" }).click();
  await expect(ana.page.getByTestId("status")).toHaveText("Offline");
  await ana.page.goBack();
  await ana.plugBackIn();
  await agreed(host, id, [ana], ["Flour", "Eggs"]);
});

test("what waits is sent after a reload, once", { tag: "@cloud" }, async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market", ["Flour"]);
  const ana = await windows.list(id);
  await expect(ana.row("Flour")).toBeVisible();
  await ana.pullThePlug();
  await ana.add("Eggs", "Tape");
  await expect(ana.status).toHaveText("Offline, 2 waiting");
  await ana.page.reload();
  await agreed(host, id, [ana], ["Flour", "Eggs", "Tape"]);
  await ana.page.reload();
  await ana.add("Salt");
  await agreed(host, id, [ana], ["Flour", "Eggs", "Tape", "Salt"]);
  expect((await (await host.guest("Host")).see(id)).position).toMatch(/^1:5:/);
});

test("what waits is on the list after a reload, before the host answers, and is sent once", async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market", ["Flour"]);
  const page = await windows.open("/");
  await keepPage(page);
  await page.goto(`/todo/${id}`);
  const ana = new List(page);
  await expect(ana.status).toHaveText("Live");
  await host.stop();
  await ana.add("Eggs");
  await expect(ana.status).toHaveText("Offline, 1 waiting");
  await page.reload();
  await expect(ana.row("Eggs")).toContainText("waiting");
  await expect(ana.plate.getByText("The rest of the list comes when the line is back.")).toBeVisible();
  await expect(ana.status).toHaveText("Offline, 1 waiting");
  await ana.add("Eggs");
  await page.reload();
  await expect.poll(() => ana.waiting()).toEqual(["Eggs", "Eggs"]);
  await host.up();
  await agreed(host, id, [ana], ["Flour", "Eggs", "Eggs"]);
  // What was added before the reload was not done by others.
  await expect(ana.note).not.toHaveText(/moves? happened/);
  expect((await (await host.guest("Host")).see(id)).position).toMatch(/^1:4:/);
});

test("an answer that is lost on the way does not make a second thing, not even over a reload", { tag: "@cloud" }, async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market", ["Flour"]);
  const page = await windows.open("about:blank");
  let deaf = false;
  await page.routeWebSocket(/\/v1\/connect|\?token=/, (socket) => {
    const onward = socket.connectToServer();
    onward.onMessage((frame) => {
      if (!deaf) socket.send(frame);
    });
  });
  await page.goto(`${host.url}/todo/${id}`);
  const ana = new List(page);
  await expect(ana.status).toHaveText("Live");
  await expect(ana.row("Flour")).toBeVisible();
  deaf = true;
  await ana.add("Eggs");
  const reader = await host.guest("Reader");
  await expect.poll(async () => (await reader.see(id)).position).toMatch(/^1:3:/);
  expect(await ana.waiting()).toEqual(["Eggs"]);
  deaf = false;
  await page.reload();
  await agreed(host, id, [ana], ["Flour", "Eggs"]);
  await ana.add("Salt");
  await agreed(host, id, [ana], ["Flour", "Eggs", "Salt"]);
  expect((await reader.see(id)).position).toMatch(/^1:4:/);
});
