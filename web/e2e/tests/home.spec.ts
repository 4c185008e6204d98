import { expect, List, test } from "../support/test.ts";

test("an empty house says so, and offers one thing to do", { tag: "@cloud" }, async ({ windows }) => {
  const page = await windows.open("/");
  await expect(page.getByText("No rooms yet. Start one and send the link to a friend.")).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("No rooms yet.All is quiet.");
  await expect(page.locator(".btn--go:visible")).toHaveText("Start a room");
  await expect(page.getByTestId("status")).toHaveText("Live");
});

test("starting a room leads to its list, and home lists it then", { tag: "@cloud" }, async ({ windows }) => {
  const page = await windows.open("/", { name: "Ana" });
  await page.getByRole("button", { name: "Start a room" }).click();
  await page.getByRole("textbox", { name: "Name of the list" }).fill("Saturday market");
  await page.getByRole("dialog").getByRole("button", { name: "Start" }).click();
  await expect(page).toHaveURL(/\/todo\/[a-z0-9]+$/);
  await expect(page.getByRole("heading", { level: 1, name: "Saturday market" })).toBeVisible();
  await expect(new List(page).status).toHaveText("Live");
  await page.getByRole("link", { name: "Dormouse, all rooms" }).click();
  await expect(page.getByRole("region", { name: "Awake" }).getByRole("listitem")).toContainText("Saturday market");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("One room is awake.It has the house to itself.");
  await page.goBack();
  await expect(page.getByRole("heading", { level: 1, name: "Saturday market" })).toBeVisible();
});

test("a room that is started in one window comes to the others by itself", { tag: "@cloud" }, async ({ host, windows }) => {
  const asked: string[] = [];
  const watch = await windows.open("/", { name: "Bo" });
  await expect(watch.getByText("No rooms yet. Start one and send the link to a friend.")).toBeVisible();
  watch.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (request.method() === "GET" && /^\/v1\/[\w-]+$/.test(pathname)) asked.push(pathname);
  });
  const page = await windows.open("/", { name: "Ana" });
  await page.getByRole("button", { name: "Start a room" }).click();
  await page.getByRole("textbox", { name: "Name of the list" }).fill("Saturday market");
  await page.getByRole("dialog").getByRole("button", { name: "Start" }).click();
  await expect(new List(page).status).toHaveText("Live");
  const row = watch.getByRole("listitem").filter({ hasText: "Saturday market" });
  await expect(row).toBeVisible();
  const guest = await host.guest("Cy");
  const id = new URL(page.url()).pathname.split("/").at(-1) as string;
  await guest.send(id, { type: "rename_list", title: "Sunday market" });
  await expect(watch.getByRole("listitem").filter({ hasText: "Sunday market" })).toBeVisible();
  await guest.retire(id);
  await expect(watch.getByText("No rooms yet. Start one and send the link to a friend.")).toBeVisible();
  if (host.shape === "serve") expect(asked, "no list was asked for").toEqual([]);
});

test("a private room is in the list of those who are in it alone", { tag: "@cloud" }, async ({ host, windows }) => {
  const mine = await windows.open("/", { name: "Ana" });
  await expect(mine.getByTestId("status")).toHaveText("Live");
  await mine.evaluate(async () => {
    const key = Object.keys(localStorage).find((key) => key.endsWith(":guest")) as string;
    const { token } = JSON.parse(localStorage.getItem(key) as string) as { token: string };
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const body = JSON.stringify({ name: "Ana", private: true });
    await fetch("/v1/liap-tui", { method: "POST", headers, body });
  });
  await (await host.guest("Cy")).list("Saturday market");
  const theirs = await windows.open("/", { name: "Bo" });
  await mine.reload();
  for (const page of [mine, theirs]) await expect(page.getByRole("listitem").filter({ hasText: "Saturday market" })).toBeVisible();
  await expect(mine.getByRole("listitem").filter({ hasText: "Ana's table" })).toBeVisible();
  await expect(theirs.getByRole("listitem")).toHaveCount(1);
});

test("rooms sleep and wake, and home tells which", async ({ host, windows }) => {
  const guest = await host.guest("Ana");
  await guest.list("Reading group", ["Middlemarch"]);
  const market = await guest.list("Saturday market", ["Flour"]);
  await host.restart();
  const page = await windows.open("/");
  const asleep = page.getByRole("region", { name: "Asleep" });
  await expect(asleep.getByRole("listitem")).toHaveCount(2);
  await expect(asleep.getByRole("listitem").first()).toContainText(/Asleep for/);
  await expect(page.getByRole("region", { name: "Awake" })).toHaveCount(0);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Every room is asleep.All 2 of them.");
  await expect(page.getByRole("button", { name: "Show more" })).toHaveCount(0);

  // Somebody comes to one of them; the other sleeps on.
  await guest.add(market, "Salt");
  const awake = page.getByRole("region", { name: "Awake" }).getByRole("listitem");
  await expect(awake).toHaveCount(1);
  await expect(awake).toContainText("Saturday market");
  await expect(awake.getByRole("link", { name: "Open Saturday market" })).toBeVisible();
  await expect(page.getByText("Last wake")).toBeVisible();

  await asleep.getByRole("link", { name: "Wake Reading group" }).click();
  await expect(new List(page).row("Middlemarch")).toBeVisible();
});

test("more rooms than a page holds come when they are asked for", async ({ host, windows }) => {
  const guest = await host.guest("Ana");
  for (let number = 1; number <= 53; number += 1) await guest.list(`List ${number}`);
  const page = await windows.open("/");
  const names = page.locator(".room__name b");
  await expect(names).toHaveCount(50);
  await expect(page.getByRole("region", { name: "Awake" }).getByRole("heading")).toHaveText("Awake 53");
  await page.getByRole("button", { name: /Show more/ }).click();
  await expect(names).toHaveCount(53);
  await expect(page.getByRole("button", { name: /Show more/ })).toHaveCount(0);
  expect(new Set(await names.allTextContents()).size).toBe(53);
});

test("a code or a link joins, and a wrong one is said kindly", { tag: "@cloud" }, async ({ host, windows }) => {
  const id = await (await host.guest("Ana")).list("Saturday market", ["Flour"]);
  const page = await windows.open("/");
  for (const code of [id, `${host.url}/todo/${id}`, ` todo/${id} `]) {
    await page.goto("/");
    await page.getByRole("button", { name: "Join by code" }).click();
    const dialog = page.getByRole("dialog", { name: "Join a room" });
    await dialog.getByRole("textbox").fill("zzzzzzzzzzzzzzzz");
    await dialog.getByRole("button", { name: "Join" }).click();
    await expect(dialog.getByRole("alert")).toHaveText("No room has this code. It may have a letter too many or too few.");
    await dialog.getByRole("textbox").fill("not a code!");
    await dialog.getByRole("button", { name: "Join" }).click();
    await expect(dialog.getByRole("alert")).toContainText("That is not a code.");
    await dialog.getByRole("textbox").fill(code);
    await dialog.getByRole("button", { name: "Join" }).click();
    await expect(page).toHaveURL(`${host.url}/todo/${id}`);
    await expect(new List(page).row("Flour")).toBeVisible();
  }
});
