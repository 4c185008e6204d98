import { agreed, expect, List, test } from "../support/test.ts";

test("two windows share every change as it is made", { tag: "@cloud" }, async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market");
  const ana = await windows.list(id, { name: "Ana" });
  const bo = await windows.list(id, { name: "Bo" });
  await ana.add("Flour", "Salt");
  await bo.add("Eggs");
  await expect(bo.row("Salt")).toBeVisible();
  await expect(ana.row("Eggs")).toBeVisible();

  await bo.tick("Flour").click();
  await expect(ana.tick("Flour")).toBeChecked();
  await ana.rename("Salt", "Salt, the good one");
  await expect(bo.row("Salt, the good one")).toBeVisible();

  await bo.remove("Eggs");
  await expect(ana.row("Eggs")).toHaveCount(0);
  await bo.page.getByRole("button", { name: "Undo" }).click();
  await expect(ana.row("Eggs")).toBeVisible();

  await bo.page.getByRole("button", { name: "Clear 1 done" }).click();
  await expect(ana.row("Flour")).toHaveCount(0);
  // What was done comes back done.
  await bo.page.getByRole("button", { name: "Undo" }).click();
  await expect(ana.tick("Flour")).toBeChecked();
  await agreed(host, id, [ana, bo], ["Salt, the good one", "Eggs", "Flour"]);
});

test("the list itself is renamed for everybody", { tag: "@cloud" }, async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market");
  const ana = await windows.list(id);
  const bo = await windows.list(id);
  await ana.page.getByRole("button", { name: "Rename" }).click();
  await ana.page.getByRole("textbox", { name: "Name of the list" }).fill("Sunday market");
  await ana.page.getByRole("dialog").getByRole("button", { name: "Rename" }).click();
  for (const list of [ana, bo]) {
    await expect(list.page.getByRole("heading", { level: 1 })).toHaveText("Sunday market");
    await expect(list.page).toHaveTitle("Sunday market: Dormouse");
  }
});

test("each sees who is here, who types, and who left", { tag: "@cloud" }, async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market");
  const ana = await windows.list(id, { name: "Ana" });
  const bo = await windows.list(id, { name: "Bo" });
  await expect(ana.person("Bo")).toContainText("here");
  await expect(bo.person("Ana")).toContainText("here");
  await expect(ana.person("You")).toContainText("here");

  await bo.field.pressSequentially("Egg");
  await expect(ana.person("Bo")).toContainText("typing");
  await expect(ana.plate.getByText("Bo is typing")).toBeVisible();
  // Whoever stops without a word is forgotten soon.
  await expect(ana.plate.getByText("Bo is typing")).toHaveCount(0);
  await expect(ana.person("Bo")).toContainText("here");

  await bo.page.close();
  await expect(ana.person("Bo")).toContainText("left");
});

test("a name that is typed here is the name that others see", { tag: "@cloud" }, async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market");
  const ana = await windows.list(id, { name: "Ana" });
  const bo = await windows.list(id);
  await bo.page.getByRole("button", { name: /^You, / }).click();
  await bo.page.getByRole("textbox", { name: "Your name" }).fill("Bo");
  await bo.page.getByRole("button", { name: "Use this name" }).click();
  await expect(ana.person("Bo")).toContainText("here");
  await bo.add("Eggs");
  await expect(ana.row("Eggs").getByRole("img", { name: "Added by Bo" })).toBeVisible();
});

test("a second device in one page is another guest with a line of its own", { tag: "@cloud" }, async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market", ["Flour"]);
  const here = await windows.list(id, { name: "Ana" });
  await here.page.getByRole("button", { name: "Show a second device" }).click();
  const second = new List(here.page, "Second device");
  await expect(second.row("Flour")).toBeVisible();
  await expect(here.person("Second device")).toContainText("here");
  await here.pullThePlug();
  await here.add("Eggs");
  await second.add("Salt");
  await expect(second.row("Eggs")).toHaveCount(0);
  await expect(here.row("Salt")).toHaveCount(0);
  await here.plugBackIn();
  await agreed(host, id, [here, second], ["Flour", "Salt", "Eggs"]);
});
