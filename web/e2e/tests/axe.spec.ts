// Every page and dialog under axe, which reads what a screen reader would and measures contrast.
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { keepPage } from "../support/kept.ts";
import { expect, List, test } from "../support/test.ts";

const WINDOWS = [
  { width: 320, height: 800 },
  { width: 1280, height: 800 },
];

async function check(page: Page, where: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).options({ rules: { "target-size": { enabled: true } } }).analyze();
  const words = violations.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map((it) => `  ${it.html}\n  ${it.failureSummary}`).join("\n")}`);
  expect.soft(words, where).toEqual([]);
}

for (const viewport of WINDOWS) {
  for (const colorScheme of ["light", "dark"] as const) {
    test(`axe finds nothing in ${colorScheme} at ${viewport.width}`, async ({ host, windows }) => {
      const guest = await host.guest("Bo");
      const id = await guest.list("Saturday market", ["Flour", "Eggs", "Salt"]);
      await guest.send(id, { type: "toggle_todo", id: "1" });
      const page = await windows.open("/", { viewport, colorScheme, reducedMotion: "reduce" });
      await expect(page.getByRole("link", { name: "Open Saturday market" })).toBeVisible();
      await expect(page.getByTestId("status")).toHaveText("Live");
      await check(page, "home");
      for (const name of ["Start a room", "Join by code"]) {
        await page.getByRole("button", { name }).click();
        await expect(page.getByRole("dialog")).toBeVisible();
        await check(page, name);
        await page.keyboard.press("Escape");
      }

      await keepPage(page);
      await page.goto(`/todo/${id}`);
      const list = new List(page);
      await expect(list.status).toHaveText("Live");
      await check(page, "the list");
      await page.getByRole("button", { name: "Rename" }).click();
      await check(page, "the dialog that renames");
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: /^You, / }).click();
      await check(page, "the dialog that asks who one is");
      await page.keyboard.press("Escape");
      await list.slider.press("ArrowLeft");
      await expect(list.status).toContainText("Looking at 1:4");
      await check(page, "the past");
      await list.slider.press("End");

      await list.pullThePlug();
      await list.add("Tape");
      await list.tick("Eggs").click();
      await guest.send(id, { type: "delete_todo", id: "2" });
      await list.row("Salt").getByRole("checkbox").focus();
      await page.keyboard.press("F2");
      await page.keyboard.type("x".repeat(201));
      await check(page, "the list offline, in an edit that is too long");
      await page.keyboard.press("Escape");
      await page.keyboard.press("Delete");
      await list.plugBackIn();
      await expect(list.row("Eggs").getByRole("alert")).toBeVisible();
      await check(page, "the list with a refused row, and a toast");
      if (viewport.width > 1100) {
        await page.getByRole("button", { name: "Show a second device" }).click();
        await expect(page.getByRole("region", { name: "Second device" }).getByTestId("status")).toHaveText("Live");
        await check(page, "two devices");
      }
      await host.stop();
      await list.add("Coins");
      await page.reload();
      await expect(list.row("Coins")).toContainText("waiting");
      await check(page, "the list before its first view");
      await host.up();
      await expect(list.status).toHaveText("Live");
      await page.goto("/todo/zzzzzzzzzzzzzzzz");
      await expect(page.getByText("There is no room here.")).toBeVisible();
      await check(page, "no room");
    });
  }
}
