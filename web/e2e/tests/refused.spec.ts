import { keepPage } from "../support/kept.ts";
import { agreed, expect, List, test } from "../support/test.ts";

test("a change of something that is gone is undone in sight, in the rules' own words", { tag: "@cloud" }, async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market", ["Flour", "Eggs", "Salt"]);
  const ana = await windows.list(id, { name: "Ana" });
  const bo = await windows.list(id, { name: "Bo" });
  await expect(ana.row("Eggs")).toBeVisible();
  await ana.pullThePlug();
  await ana.tick("Eggs").click();
  await ana.rename("Flour", "Flour, 10 kg");
  await expect(ana.tick("Eggs")).toBeChecked();
  await bo.remove("Eggs");
  await bo.remove("Flour");
  await expect(bo.rows).toHaveCount(1);

  await ana.plugBackIn();
  const gone = "That one is not on the list any more.";
  await expect(ana.row("Eggs").getByRole("alert")).toHaveText(`Not ticked. ${gone}`);
  await expect(ana.rows.filter({ hasText: `Not changed to “Flour, 10 kg”. ${gone}` })).toBeVisible();
  await ana.plate.getByRole("button", { name: "Put it back in the field" }).click();
  await expect(ana.field).toHaveValue("Flour, 10 kg");
  // It has been said; the rows go.
  await agreed(host, id, [ana, bo], ["Salt"]);
});

test("a full list takes nothing more, and what was typed is not lost", async ({ host, windows }) => {
  const guest = await host.guest("Host");
  const id = await guest.list("Saturday market");
  await guest.fill(id, 499);
  const ana = await windows.list(id);
  await expect(ana.rows).toHaveCount(499);
  await ana.pullThePlug();
  await ana.add("The last one", "One too many");
  await ana.plugBackIn();
  const refused = ana.row("One too many");
  await expect(refused.getByRole("alert")).toContainText("Not added. A list holds 500 things. Clear some that are done.");
  await expect(ana.row("The last one")).toBeVisible();
  await refused.getByRole("button", { name: "Put it back in the field" }).click();
  await expect(ana.field).toHaveValue("One too many");
  await expect(refused).toHaveCount(0);
  await agreed(host, id, [ana], 500);
});

test("what the rules refuse after a reload is undone in sight too", async ({ host, windows }) => {
  const guest = await host.guest("Host");
  const id = await guest.list("Saturday market", ["Flour"]);
  await guest.fill(id, 498);
  const page = await windows.open("/");
  await keepPage(page);
  await page.goto(`/todo/${id}`);
  const ana = new List(page);
  await expect(ana.rows).toHaveCount(499);
  await ana.pullThePlug();
  await ana.tick("Flour").click();
  await ana.add("Eggs", "Tape");
  await expect(ana.status).toHaveText("Offline, 3 waiting");
  await guest.send(id, { type: "delete_todo", id: "1" });
  await guest.add(id, "Salt");
  await host.stop();
  await page.reload();
  await expect.poll(() => ana.waiting()).toEqual(["Eggs", "Tape"]);
  await host.up();
  // The row that was to be ticked is gone for this page, which never saw it.
  await expect(ana.plate.getByText("Not ticked. That one is not on the list any more.")).toBeVisible();
  await expect(ana.row("Tape").getByRole("alert")).toContainText("Not added. A list holds 500 things.");
  await ana.row("Tape").getByRole("button", { name: "Put it back in the field" }).click();
  await expect(ana.field).toHaveValue("Tape");
  await agreed(host, id, [ana], 500);
});

test("a text that is too long is stopped here, and stays to be shortened", async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market", ["Flour"]);
  const ana = await windows.list(id);
  await ana.field.fill("🐿".repeat(201));
  await expect(ana.plate.getByRole("alert")).toHaveText("201 characters; 200 is the most.");
  await ana.field.press("Enter");
  await ana.field.fill("🐿".repeat(200));
  await ana.field.press("Enter");
  await agreed(host, id, [ana], ["Flour", "🐿".repeat(200)]);
});

test("whoever comes early to a room that gets busy is heard all the same", async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market");
  const ana = await windows.list(id);
  await expect(ana.status).toHaveText("Live");
  // More outboxes than the room remembers, each newer than Ana's.
  for (let n = 0; n < 20; n += 1) {
    const guest = await host.guest(`Guest ${n}`);
    await guest.fromOutboxes(id, 15, { type: "rename_list", title: `Market ${n}` });
  }
  await ana.add("Flour", "Eggs");
  await agreed(host, id, [ana], ["Flour", "Eggs"]);
  await expect(ana.plate.getByRole("alert")).toHaveCount(0);
});
