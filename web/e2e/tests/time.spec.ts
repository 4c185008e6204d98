import { expect, test } from "../support/test.ts";

// Commit 1 makes the list, commit n + 1 adds thing n.
const THINGS = Array.from({ length: 24 }, (_, at) => `Thing ${at + 1}`);

test("the slider shows the list at any commit, and the way back to now", { tag: "@cloud" }, async ({ host, windows }) => {
  const guest = await host.guest("Host");
  const id = await guest.list("Saturday market", THINGS);
  const ana = await windows.list(id);
  await expect(ana.position).toHaveText("1:25");
  const at = async (seq: number) => {
    await expect(ana.status).toHaveText(`Looking at 1:${seq}`);
    await expect(ana.rows).toHaveCount(seq - 1);
    expect(await ana.titles()).toEqual(THINGS.slice(0, seq - 1));
    await expect(ana.slider).toHaveAttribute("aria-valuetext", new RegExp(`^Position ${seq} of 25, `));
  };
  await ana.slider.press("ArrowLeft");
  await at(24);
  await ana.slider.press("PageDown");
  await at(14);
  await ana.slider.press("ArrowRight");
  await at(15);
  await ana.slider.press("PageUp");
  await expect(ana.status).toHaveText("Live");
  await ana.slider.press("Home");
  await at(1);
  await expect(ana.plate.getByText("Nothing was on it then.")).toBeVisible();
  await ana.slider.press("End");
  await expect(ana.status).toHaveText("Live");
  expect(await ana.titles()).toEqual(THINGS);
});

test("the past can be read but not changed, and now goes on meanwhile", async ({ host, windows }) => {
  const guest = await host.guest("Host");
  const id = await guest.list("Saturday market", ["Flour", "Eggs"]);
  await guest.send(id, { type: "toggle_todo", id: "1" });
  await guest.send(id, { type: "delete_todo", id: "2" });
  const ana = await windows.list(id);
  await expect(ana.tick("Flour")).toBeChecked();
  await ana.slider.press("ArrowLeft");
  await ana.slider.press("ArrowLeft");
  await expect(ana.status).toHaveText("Looking at 1:3");
  await expect(ana.row("Eggs")).toBeVisible();
  await expect(ana.tick("Flour")).not.toBeChecked();
  await expect(ana.tick("Flour")).toHaveAttribute("aria-disabled", "true");
  await expect(ana.field).toHaveCount(0);

  await guest.add(id, "Salt");
  await expect(ana.slider).toHaveAttribute("max", "6");
  await expect(ana.row("Salt")).toHaveCount(0);
  await ana.page.getByRole("button", { name: "Now", exact: true }).click();
  await expect(ana.row("Salt")).toBeVisible();
  await expect(ana.tick("Flour")).toBeChecked();
  await expect(ana.row("Eggs")).toHaveCount(0);
  await expect(ana.field).toBeEditable();
});

test("a pointer drags the pin along the picture", async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market", THINGS);
  const ana = await windows.list(id);
  await expect(ana.position).toHaveText("1:25");
  await ana.slider.scrollIntoViewIfNeeded();
  const box = await ana.slider.boundingBox();
  if (box === null) throw new Error("the slider is not there");
  await ana.page.mouse.move(box.x + box.width - 2, box.y + box.height / 2);
  await ana.page.mouse.down();
  await ana.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 5 });
  await expect(ana.status).toContainText("Looking at 1:1");
  await ana.page.mouse.move(box.x + 1, box.y + box.height / 2, { steps: 5 });
  await ana.page.mouse.up();
  await expect(ana.status).toHaveText("Looking at 1:1");
  await ana.plate.getByRole("button", { name: "Go back to now" }).click();
  await expect(ana.status).toHaveText("Live");
});
