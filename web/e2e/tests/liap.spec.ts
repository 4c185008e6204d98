// Liap Tui: into a game in three presses, and a whole game by four people through everything that goes wrong.
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { framesOf, playOn, setTable, sitDown } from "../support/table.ts";
import { expect, test } from "../support/test.ts";

const tray = (page: Page) => page.getByRole("region", { name: "Your seat and tray" });
const pieces = (page: Page) => tray(page).locator(".tray button");

test("a newcomer is in a game after two presses and a name", { tag: "@cloud" }, async ({ windows }) => {
  const page = await windows.open("/");
  await page.getByRole("link", { name: "Play Liap Tui" }).click();
  await page.getByLabel("Your name").fill("Ana");
  await page.getByRole("button", { name: "Play now" }).click();
  await expect(pieces(page)).toHaveCount(8);
  await expect(page.getByText("Bot 2").first()).toBeVisible();
  await page.reload();
  await expect(pieces(page)).toHaveCount(8);
});

test("a table is seen as it fills, and its host sees to the seats", { tag: "@cloud" }, async ({ windows }) => {
  const ana = await windows.open("/liap-tui");
  const watcher = await windows.open("/liap-tui", { name: "Zoe" });
  const table = await setTable(ana, "Ana");
  const row = watcher.getByRole("listitem").filter({ hasText: "Ana's table" });
  await expect(row).toContainText("waiting, one person");
  const bo = await windows.open(table);
  await bo.getByLabel("Your name").fill("ana");
  await bo.getByRole("button", { name: "Sit down" }).click();
  await expect(bo.getByRole("alert")).toHaveText("Somebody here has this name; choose another one.");
  await sitDown(bo, "Bo");
  await expect(row).toContainText("waiting, 2 people");
  await ana.getByRole("button", { name: "Remove Bot 4" }).click();
  await expect(ana.getByRole("button", { name: "Start the game" })).toBeDisabled();
  await expect(bo.getByText("Seat 4 is free")).toBeVisible();
  await ana.getByRole("button", { name: "A hard one" }).click();
  await expect(bo.getByText("bot, hard")).toBeVisible();
  await bo.getByRole("textbox", { name: "Say something" }).fill("Hello <b>there</b>");
  await bo.getByRole("button", { name: "Say", exact: true }).click();
  await expect(ana.getByRole("log")).toContainText("Bo Hello <b>there</b>");
  await expect(bo.getByRole("log")).toContainText("You Hello <b>there</b>");
  await ana.getByRole("button", { name: "Start the game" }).click();
  await expect(pieces(bo)).toHaveCount(8);
  await expect(row).toContainText("playing");
});

test("a table that its host leaves says so, and one that waits in silence is still found", async ({ host, windows }) => {
  const ana = await windows.open("/liap-tui");
  await setTable(ana, "Ana");
  const bo = await windows.open("/liap-tui", { name: "Bo" });
  const row = bo.getByRole("listitem").filter({ hasText: "Ana's table" });
  // A room that nobody presses anything in leaves memory, with its people still there.
  const reader = await host.guest("Reader");
  await expect.poll(() => reader.tablesSleep(), { timeout: 30_000 }).toBe(true);
  await bo.reload();
  await expect(row).toContainText("waiting, one person");
  await expect(row).not.toContainText("asleep");
  await bo.getByRole("button", { name: "Find a table" }).click();
  await expect(bo.getByText("Bo (you)")).toBeVisible();
  await ana.getByRole("button", { name: "Close the table" }).click();
  await expect(bo.getByText("This table was closed.")).toBeVisible();
});

test("four people play to the end through a reload, a pulled plug and a dead host, and nobody sees a hand", { tag: "@cloud" }, async ({ host, windows }) => {
  // Up to twenty rounds of eight tricks, and the machine may be building something else meanwhile.
  const patience = host.shape === "serve" ? 400_000 : 900_000;
  test.setTimeout(patience + 80_000);
  const ana = await windows.open("/liap-tui");
  const table = await setTable(ana, "Ana");
  const others = await Promise.all(["Bo", "Cid", "Dee"].map((name) => windows.open(table, { name })));
  for (const [at, name] of ["Bo", "Cid", "Dee"].entries()) await sitDown(others[at]!, name);
  const watcher = await windows.open("/liap-tui", { name: "Zoe" });
  const frames = framesOf(watcher);
  await watcher.goto(table);
  await expect(watcher.getByText("Four people sit here. You watch, and will see the game.")).toBeVisible();
  const players = [ana, ...others];
  for (const player of players) await playOn(player);
  await ana.getByRole("button", { name: "Start the game" }).click();
  const round = (page: Page, n: number) => expect(page.getByRole("heading", { name: `Round ${n}`, exact: true })).toBeVisible({ timeout: 60_000 });
  await round(watcher, 2);

  await others[0]!.reload();
  await others[1]!.getByRole("button", { name: "Pull the plug" }).click();
  await expect(others[1]!.getByText("Your seat is kept. A bot plays for you until the line is back.")).toBeVisible();
  // The badge stays as long as the bot does; what is said of it may be followed at once by something newer.
  const standIn = watcher.getByTitle("A bot plays until Cid is back");
  await expect(standIn).toBeVisible();
  await others[1]!.getByRole("button", { name: "Plug back in" }).click();
  await expect(standIn).toHaveCount(0);
  await round(watcher, 3);
  await host.kill();
  await host.up();
  for (const page of [...players, watcher]) await expect(page.getByTestId("status")).toHaveText("Live", { timeout: 30_000 });
  for (const [at, name] of ["Ana", "Bo", "Cid", "Dee"].entries())
    await expect(players[at]!.locator(".score tr.me"), `${name} is in their own seat`).toContainText("You");

  const ending = (page: Page) => page.getByRole("region", { name: /has won|share the win/ });
  await expect(ending(watcher)).toBeVisible({ timeout: patience });
  const ranking = (page: Page) => ending(page).locator("tbody").innerText();
  const truth = await ranking(watcher);
  for (const player of players) {
    await expect(ending(player)).toBeVisible();
    expect(await ranking(player)).toBe(truth);
  }
  const before = frames.slice(0, frames.findIndex((frame) => frame.includes("game_over")));
  expect(before.length).toBeGreaterThan(50);
  const place = await watcher.getByTestId("position").innerText();
  for (const player of players) await expect(player.getByTestId("position"), "all stand at one position").toHaveText(place);
  const hands = before.filter((frame) => /"hand":\[|\/hand"/.test(frame));
  expect(hands.length, "frames with somebody's hand").toBe(0);

  // What is over can be looked at again, with every hand open.
  await watcher.getByRole("slider").press("ArrowLeft");
  await expect(watcher.getByText(/Looking at|1:\d+/).first()).toBeVisible();
  await watcher.getByText("Check the deals").click();
  await expect(watcher.getByText(/^Round 1: [0-9a-f]{64}$/).first()).toBeVisible();

  await ana.getByRole("button", { name: "Rematch" }).click();
  await expect(ana.getByRole("button", { name: "Start the game" })).toBeEnabled();
  await expect(others[0]!.getByText("Ana opened a rematch.")).toBeVisible();
  await others[0]!.getByRole("link", { name: "Go to the rematch" }).click();
  await sitDown(others[0]!, "Bo");
  await host.stop();
  await host.verified({ actors: 2 });
});

for (const [width, colorScheme] of [[320, "dark"], [1280, "light"]] as const) {
  test(`axe finds nothing at ${width}, and nothing is wider than the window`, async ({ windows }) => {
    const page = await windows.open("/liap-tui", { viewport: { width, height: 800 }, colorScheme, reducedMotion: "reduce" });
    const check = async (where: string) => {
      const { violations } = await new AxeBuilder({ page }).analyze();
      const words = violations.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map((it) => `  ${it.html}\n  ${it.failureSummary}`).join("\n")}`);
      expect.soft(words, where).toEqual([]);
      expect.soft(await page.evaluate(() => document.documentElement.scrollWidth), `width of ${where}`).toBe(width);
    };
    await expect(page.getByText("No tables yet.")).toBeVisible();
    await check("the lobby");
    await page.getByRole("button", { name: "Learn it in two minutes" }).click();
    await check("the rules");
    await page.keyboard.press("Escape");
    await setTable(page, "Ana");
    await check("the seats");
    await page.getByRole("button", { name: "Start the game" }).click();
    await expect(pieces(page)).toHaveCount(8);
    await check("the table");
  });
}
