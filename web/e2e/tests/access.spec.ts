import type { Page } from "@playwright/test";
import { agreed, expect, List, test } from "../support/test.ts";

/** Tab after tab until what has the focus has this name. Every stop on the way shows where it is. */
async function tabTo(page: Page, name: string, key: "Tab" | "Shift+Tab" = "Tab"): Promise<void> {
  const stops: string[] = [];
  for (let tabs = 0; tabs < 60; tabs += 1) {
    await page.keyboard.press(key);
    const stop = await page.evaluate(() => {
      const here = document.activeElement;
      if (here === null || here === document.body) return { name: "", ring: true };
      // The ring stands on the element itself, or on the box around a field.
      const rings = [here, here.parentElement, here.previousElementSibling].filter((it) => it instanceof HTMLElement);
      const ring = rings.some((it) => {
        const style = getComputedStyle(it);
        return style.outlineStyle !== "none" || style.boxShadow !== "none";
      });
      const name = here.getAttribute("aria-label") ?? (here as HTMLInputElement).labels?.[0]?.innerText ?? here.textContent;
      return { name: (name ?? "").trim(), ring };
    });
    stops.push(stop.name);
    expect(stop.ring, `“${stop.name}” shows that it has the focus`).toBe(true);
    if (stop.name === name) return;
  }
  throw new Error(`no tab leads to “${name}”, only to: ${stops.join(", ")}`);
}

test("everything can be done from the keyboard", async ({ host, windows }) => {
  const page = await windows.open("/");
  const press = (key: string) => page.keyboard.press(key);
  await expect(page.getByTestId("status")).toHaveText("Live");
  await tabTo(page, "Start a room");
  await press("Enter");
  await page.keyboard.type("Saturday market");
  await press("Enter");
  const list = new List(page);
  await expect(list.status).toHaveText("Live");
  const id = new URL(page.url()).pathname.split("/")[2] ?? "";

  await tabTo(page, "Add something");
  for (const thing of ["Flour", "Eggs", "Salt"]) {
    await page.keyboard.type(thing);
    await press("Enter");
  }
  await expect(list.rows).toHaveCount(3);
  await tabTo(page, "Eggs", "Shift+Tab");
  await press("Space");
  await expect(list.tick("Eggs")).toBeChecked();
  await press("F2");
  await page.keyboard.type("Eggs, six trays");
  await press("Enter");
  await expect(list.tick("Eggs, six trays")).toBeChecked();

  await tabTo(page, "Flour", "Shift+Tab");
  await press("Delete");
  await expect(list.row("Flour")).toHaveCount(0);
  await press("Control+z");
  await expect(list.row("Flour")).toBeVisible();
  await tabTo(page, "Delete Salt");
  await press("Enter");
  await expect(list.row("Salt")).toHaveCount(0);

  await tabTo(page, "Pull the plug");
  await press("Enter");
  // Perhaps with the last change still unanswered.
  await expect(list.status).toContainText("Offline");
  await press("Enter");
  await expect(list.status).toHaveText("Live");
  await tabTo(page, "Position in history");
  await press("ArrowLeft");
  await expect(list.status).toContainText("Looking at 1:");
  await tabTo(page, "Now", "Shift+Tab");
  await press("Enter");
  await expect(list.status).toHaveText("Live");

  await tabTo(page, "Rename", "Shift+Tab");
  await press("Enter");
  await page.keyboard.type("Sunday market");
  await press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Sunday market");
  await tabTo(page, "Rename");
  await press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  await press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await agreed(host, id, [list], ["Eggs, six trays", "Flour"]);
  await tabTo(page, "Dormouse, all rooms", "Shift+Tab");
  await press("Enter");
  await tabTo(page, "Open Sunday market");
  await press("Enter");
  await expect(list.row("Flour")).toBeVisible();
});

test("a row that is edited keeps the focus where one works", async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market", ["Flour", "Eggs"]);
  const list = await windows.list(id);
  await list.tick("Flour").focus();
  await list.page.keyboard.press("F2");
  await list.page.keyboard.press("Escape");
  await expect(list.row("Flour")).toBeVisible();
  const focus = () => list.page.evaluate(() => document.activeElement?.closest("[data-id]")?.getAttribute("data-id") ?? null);
  expect(await focus()).toBe("1");
});

test("light and dark follow the system, and the button after it", async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market", ["Flour"]);
  const list = await windows.list(id, { colorScheme: "light" });
  const ground = () => list.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await list.page.emulateMedia({ colorScheme: "dark" });
  const dark = await ground();
  expect(dark).not.toBe(light);
  await list.page.getByRole("button", { name: "Change between light and dark" }).click();
  expect(await ground()).toBe(light);
  await list.page.reload();
  await expect(list.row("Flour")).toBeVisible();
  expect(await ground()).toBe(light);
});

const LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft".repeat(2);

for (const width of [390, 320]) {
  test(`nothing is wider than a window of ${width}`, async ({ host, windows }) => {
    const guest = await host.guest(LONG.slice(0, 40));
    const id = await guest.list(LONG.slice(0, 80), [LONG, "Flour", `https://example.org/${"a".repeat(150)}`]);
    await guest.list("Saturday market");
    const phone = { viewport: { width, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
    const page = await windows.open("/", { name: LONG.slice(0, 40), ...phone });
    const fits = async () => {
      // Nothing sticks out on the right, nor is cut off there without a sign; names say more than a number.
      const wide = await page.evaluate(() => {
        const limit = document.documentElement.clientWidth;
        const all = [...document.querySelectorAll("html, body *")];
        const meant = (it: Element) => it.closest(".clip, .sr, .tabs, svg, .head h1") !== null;
        const out = all.filter((it) => {
          const speaks = [...it.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.textContent?.trim());
          const cut = (speaks || it === document.documentElement) && it.clientWidth > 0 && it.scrollWidth > it.clientWidth + 1;
          return !meant(it) && (cut || it.getBoundingClientRect().right > limit + 0.5);
        });
        return out.map((it) => `${it.tagName}.${it.className}`);
      });
      expect(wide).toEqual([]);
    };
    await expect(page.getByRole("link", { name: "Open Saturday market" })).toBeVisible();
    await fits();
    await page.getByRole("button", { name: "Start a room" }).click();
    await fits();
    await page.keyboard.press("Escape");
    await page.goto(`/todo/${id}`);
    const list = new List(page);
    await expect(list.row("Flour")).toBeVisible();
    await expect(list.status).toHaveText("Live");
    await fits();
    await list.pullThePlug();
    await list.add(LONG, "Eggs");
    await list.tick(LONG).first().tap();
    await fits();
    await list.row("Flour").getByRole("button", { name: "Change Flour" }).tap();
    await fits();
    await page.getByRole("slider").press("ArrowLeft");
    await fits();
    await page.goto("/todo/zzzzzzzzzzzzzzzz");
    await expect(page.getByText("There is no room here.")).toBeVisible();
    await fits();
  });
}

test("what is pressed on a phone is large enough for a thumb", async ({ host, windows }) => {
  const id = await (await host.guest("Host")).list("Saturday market", ["Flour", "Eggs"]);
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const page = await windows.open("/", phone);
  // A target may reach beyond what is drawn, so fingers are put down around the middle of each.
  const small = () =>
    page.evaluate(() => {
      const targets = [...document.querySelectorAll<HTMLElement>("button, a, input")].filter((it) => it.checkVisibility());
      const missed = targets.filter((it) => {
        it.scrollIntoView({ block: "center" });
        const box = it.getBoundingClientRect();
        const reach = it.matches(".btn, .tick, .field input") ? 19 : 11;
        const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
        return [-reach, reach].some((by) => {
          const hit = document.elementFromPoint(x, y + by);
          return hit === null || !(it.contains(hit) || hit.closest("label")?.contains(it));
        });
      });
      return missed.map((it) => it.getAttribute("aria-label") ?? it.textContent);
    });
  await expect(page.getByRole("link", { name: "Open Saturday market" })).toBeVisible();
  expect(await small()).toEqual([]);
  await page.goto(`/todo/${id}`);
  await expect(new List(page).row("Flour")).toBeVisible();
  expect(await small()).toEqual([]);
});
