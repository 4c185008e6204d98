import { expect, test } from "../support/test.ts";

test("a room that was retired says so to those in it and to those who come", { tag: "@cloud" }, async ({ host, windows }) => {
  const guest = await host.guest("Host");
  const id = await guest.list("Saturday market", ["Flour"]);
  const ana = await windows.list(id);
  await expect(ana.row("Flour")).toBeVisible();
  await guest.retire(id);
  const words = "This room was retired. Nothing can wake it.";
  await expect(ana.page.getByRole("heading", { level: 1 })).toHaveText(words);
  const bo = await windows.open(`/todo/${id}`);
  await expect(bo.getByRole("heading", { level: 1 })).toHaveText(words);
  await bo.getByRole("link", { name: "See all rooms" }).click();
  await expect(bo.getByText("No rooms yet.", { exact: false }).first()).toBeVisible();
});

for (const [what, path, words] of [
  ["a list that is not there", "/todo/zzzzzzzzzzzzzzzz", "There is no room here."],
  ["an id that cannot be", "/todo/a%20b", "There is no room here."],
  ["a kind that has no page", "/chess/zzzz", "There is no page for rooms of this kind."],
  ["any other address", "/a/b/c/d", "There is no page here."],
] as const) {
  test(`${what} has a page that leads home`, async ({ windows }) => {
    const page = await windows.open(path);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(words);
    await page.getByRole("link", { name: "See all rooms" }).click();
    await expect(page.getByRole("button", { name: "Start a room" })).toBeVisible();
  });
}
