// The pictures of the README: a small story on the real page and the real host, five of its moments kept in docs/pictures.
// The people are made up, and their past is made under a clock that was set back; every figure is the host's own.
import { execFileSync } from "node:child_process";
import { mkdir, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import type { Guest } from "./support/guest.ts";
import { Past } from "./support/past.ts";
import { setTable } from "./support/table.ts";
import { expect, type Host, List, test, type Windows } from "./support/test.ts";

const FOLDER = new URL("../../docs/pictures/", import.meta.url);
/** A README is read on phones too. */
const BYTES_MAX = 200_000;
const DESKTOP = { viewport: { width: 1440, height: 900 } };
const PHONE = { viewport: { width: 390, height: 900 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

test.describe.configure({ timeout: 120_000 });
test.beforeAll(async () => {
  // Another serif would be another page; tools/browser installs this one on Debian.
  const serif = execFileSync("fc-match", ["P052"], { encoding: "utf8" });
  if (!serif.includes("P052")) throw new Error("The pictures need the font P052: apt-get install fonts-urw-base35.");
  await mkdir(FOLDER, { recursive: true });
});

async function keep(page: Page, name: string): Promise<void> {
  const path = fileURLToPath(new URL(`${name}.png`, FOLDER));
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.mouse.move(0, 0);
  await page.screenshot({ path, animations: "disabled" });
  expect((await stat(path)).size).toBeLessThan(BYTES_MAX);
}

interface People {
  ana: Guest;
  bo: Guest;
  chi: Guest;
}

/** Runs the story's past, then starts the host in the present, where every room is asleep. */
async function once<T>(host: Host, story: (past: Past, people: People) => Promise<T>): Promise<T> {
  const past = await Past.open();
  await host.stop();
  await host.up(past.env);
  const [ana, bo, chi] = [await host.guest("Ana"), await host.guest("Bo"), await host.guest("Chi")];
  const told = await story(past, { ana, bo, chi });
  await host.restart();
  await past.close();
  return told;
}

/** Things are added and ticked off one after the other, some minutes apart, and cleared in the end. */
async function errands(past: Past, guest: Guest, id: string, hoursAgo: number, things: number): Promise<void> {
  const before = Object.keys((await guest.see(id)).view.items).map(Number);
  for (let thing = 1; thing <= things; thing += 1) {
    await past.is(hoursAgo - (thing * thing) / 90);
    await guest.add(id, `Errand ${thing}`);
  }
  const added = Object.keys((await guest.see(id)).view.items).filter((item) => !before.includes(Number(item)));
  for (const [at, item] of added.entries()) {
    await past.is(hoursAgo - (things * things) / 90 - at / 80);
    await guest.send(id, { type: "toggle_todo", id: item });
  }
  await guest.send(id, { type: "clear_completed" });
}

/** Nine days of a house: rooms that were left alone, and three that people came back to today. */
function house(host: Host) {
  return once(host, async (past, { ana, bo, chi }) => {
    await past.is(24 * 9);
    const market = await ana.list("Saturday market", ["Borrow the long table from Bo", "Flour, 10 kg, and the good salt"]);
    await ana.list("Reading group", ["Middlemarch", "The Leopard", "Ask Chi for the room"]);
    await past.is(24 * 6);
    const boat = await bo.list("Boat repairs", ["Sand the hull", "Order varnish", "New cleats"]);
    await past.is(24 * 3);
    await chi.list("Choir, spring concert", ["Print the scores", "Ask for the hall"]);
    const move = await ana.list("Moving house", ["Boxes", "Cancel the electricity"]);
    const week = await bo.list("Meals this week", ["Lentils", "Leek pie", "Soup"]);
    for (const [hoursAgo, things] of [[23.6, 3], [22.4, 7], [21.3, 9], [20, 8], [18.7, 10], [17.4, 6]] as const)
      await errands(past, bo, boat, hoursAgo, things);
    for (const [hoursAgo, things] of [[9.4, 2], [8.1, 4], [6.6, 7], [5.2, 9], [3.9, 8], [2.3, 9]] as const)
      await errands(past, ana, move, hoursAgo, things);
    return { ana, bo, chi, market, move, week };
  });
}

for (const colorScheme of ["light", "dark"] as const) {
  test(`home, ${colorScheme}`, async ({ host, windows }) => {
    const { ana, bo, chi, market, move, week } = await house(host);
    const page = await windows.open("/", { name: "Mia", colorScheme, ...DESKTOP });
    await expect(page.getByTestId("status")).toHaveText("Live");
    await expect(page.getByRole("link", { name: /^Wake / })).toHaveCount(6);
    await bo.add(week, "Something with rice");
    await chi.add(move, "Borrow Bo’s van");
    await ana.add(market, "Print price cards");
    await expect(page.getByRole("link", { name: /^Open / })).toHaveCount(3);
    await keep(page, `home-${colorScheme}`);
  });
}

/** Three people prepare a market over a week; then Mia joins, her line goes, and she and Ana write on. */
async function market(host: Host, windows: Windows, how: Parameters<Windows["list"]>[1]) {
  const { id, chi } = await once(host, async (past, { ana, bo, chi }) => {
    await past.is(24 * 9);
    const id = await ana.list("Saturday market");
    await errands(past, ana, id, 24 * 9, 7);
    await errands(past, bo, id, 24 * 6.2, 5);
    await errands(past, ana, id, 24 * 4.1, 9);
    await errands(past, bo, id, 24 * 2, 8);
    return { id, chi };
  });
  const ana = await windows.list(id, { name: "Ana" });
  const bo = await windows.list(id, { name: "Bo" });
  const mia = await windows.list(id, { name: "Mia", ...how });
  const seen = (title: string) => expect(mia.row(title)).toBeVisible();
  const say = async (who: List, title: string) => {
    await who.add(title);
    await seen(title);
  };
  await say(ana, "Borrow the long table from Bo");
  await say(bo, "Flour, 10 kg, and the good salt");
  await say(mia, "Print price cards");
  await say(ana, "Two gas bottles");
  await chi.add(id, "Ask Chi about the awning");
  await seen("Ask Chi about the awning");
  await say(bo, "Change for the till: $80 in coins");
  await bo.tick("Borrow the long table from Bo").click();
  await ana.tick("Flour, 10 kg, and the good salt").click();
  await mia.tick("Print price cards").click();
  await expect(mia.plate.getByRole("checkbox", { checked: true })).toHaveCount(3);
  return { ana, mia };
}

async function apart(ana: List, mia: List): Promise<void> {
  await mia.pullThePlug();
  await mia.add("Pick up eggs on the way, six trays", "Tape for the sign");
  await expect(mia.status).toHaveText("Offline, 2 waiting");
  await ana.add("Bring the blue cash box");
  await ana.field.pressSequentially("Rope");
}

test("a list on two devices, one of them offline", async ({ host, windows }) => {
  const { ana, mia } = await market(host, windows, { colorScheme: "light", ...DESKTOP });
  await mia.page.getByRole("button", { name: "Show a second device" }).click();
  const second = new List(mia.page, "Second device");
  await expect(second.status).toHaveText("Live");
  await apart(ana, mia);
  await expect(second.row("Bring the blue cash box")).toBeVisible();
  await expect(second.plate.getByText("Ana is typing")).toBeVisible();
  await keep(mia.page, "todo-light");
});

test("the same list on a phone, in the dark", async ({ host, windows }) => {
  const { ana, mia } = await market(host, windows, { colorScheme: "dark", ...PHONE });
  await apart(ana, mia);
  await mia.page.evaluate(() => scrollTo(0, 0));
  await keep(mia.page, "todo-phone-dark");
});

test("a table of Liap Tui, in mid-game", async ({ windows }) => {
  const page = await windows.open("/liap-tui", { colorScheme: "light", ...DESKTOP });
  await setTable(page, "Ana");
  await page.getByRole("button", { name: "Start the game" }).click();
  // A weak hand is asked first, and whoever starts declares first.
  await expect(page.getByRole("group", { name: "How many piles will you take?" })).toBeVisible({ timeout: 60_000 });
  await keep(page, "liap-tui-light");
});
