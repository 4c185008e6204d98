// People at a table of Liap Tui: windows that play by the page alone, as fast as the game lets them.
import { expect, type Page } from "@playwright/test";

/** Set in a window whose person plays by themselves. */
const PLAYS = "e2e.plays";

/** From now on, also after a reload, this window makes a simple legal move whenever the page asks for one. */
export async function playOn(page: Page): Promise<void> {
  await page.addInitScript(() => setInterval(() => window.dispatchEvent(new Event("e2e.step")), 40));
  await page.addInitScript(installed);
  await page.evaluate((key) => sessionStorage.setItem(key, "yes"), PLAYS);
  await page.reload();
}

/** Runs in the page. It presses what a person would press, and never what is disabled. */
function installed(): void {
  const first = <E extends HTMLElement>(selector: string) => document.querySelector<E>(selector);
  const step = () => {
    const keep = [...document.querySelectorAll<HTMLElement>(".weak button")].find((button) => button.textContent === "Keep this hand");
    if (keep) return keep.click();
    if (first(".declare")) return declare();
    const go = first<HTMLButtonElement>(".mine .act .btn--go");
    if (!go || !/^Play/.test(go.textContent)) return;
    if (!go.disabled) return go.click();
    // The strongest first, until as many piles are taken as were declared: games of players who aim are shorter.
    const [, piles, declared] = /(\d)\/(\d)/.exec(first(".mine .pile")?.textContent ?? "") ?? [];
    const left = [...document.querySelectorAll<HTMLElement>('.tray button[aria-pressed="false"]')];
    left.at(Number(piles) < Number(declared) ? 0 : -1)?.click();
  };
  const declare = () => {
    const go = first<HTMLButtonElement>(".declare .btn--go");
    if (go && !go.disabled) return go.click();
    const may = [...document.querySelectorAll<HTMLInputElement>(".declare input:not(:disabled)")];
    may.sort((a, b) => Math.abs(Number(a.value) - 2) - Math.abs(Number(b.value) - 2));
    may[0]?.click();
  };
  window.addEventListener("e2e.step", () => {
    if (sessionStorage.getItem("e2e.plays")) step();
  });
}

/** Sets a table with short pauses and bots in the other seats; the window is its host's, and the address is where it is. */
export async function setTable(page: Page, name: string): Promise<string> {
  await page.getByLabel("Your name").fill(name);
  await page.getByText("More", { exact: true }).click();
  await page.getByLabel("Pauses").selectOption("fast");
  await page.getByRole("button", { name: "Set a table for friends" }).click();
  await expect(page.getByRole("button", { name: "Start the game" })).toBeEnabled();
  return new URL(page.url()).pathname;
}

export async function sitDown(page: Page, name: string): Promise<void> {
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Sit down" }).click();
  await expect(page.getByText(`${name} (you)`)).toBeVisible();
}

/** What this window received over its sockets, frame by frame. */
export function framesOf(page: Page): string[] {
  const frames: string[] = [];
  page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => frames.push(String(payload))));
  return frames;
}
