// The fixtures: a host of one's own, and windows of guests on it. A window whose page throws fails its test.
import { type BrowserContextOptions, expect, type Page, test as base } from "@playwright/test";
import { Host, type Shape } from "./host.ts";
import { List } from "./list.ts";

export { expect, List };
export type { Host };

interface Window extends BrowserContextOptions {
  /** The guest's name, as if it had been typed here before. */
  name?: string;
  /** Where the page comes from, if not from the host itself. */
  url?: string;
}

export interface Windows {
  /** Another person: a browser context is a device with a storage of its own. */
  open(path: string, window?: Window): Promise<Page>;
  list(id: string, window?: Window): Promise<List>;
}

export const test = base.extend<{ host: Host; windows: Windows; shape: Shape }>({
  shape: ["serve", { option: true }],

  host: async ({ shape }, use, info) => {
    const host = await Host.start(shape);
    await use(host);
    if (info.status !== info.expectedStatus) await info.attach("host.log", { body: host.log });
    await host.remove();
  },

  windows: async ({ browser, host, contextOptions }, use) => {
    const faults: string[] = [];
    const contexts = new Set<{ close(): Promise<void> }>();
    const open: Windows["open"] = async (path, { name, url = host.url, ...options } = {}) => {
      const context = await browser.newContext({ ...contextOptions, baseURL: url, ...options });
      contexts.add(context);
      if (name !== undefined) await context.addInitScript((name) => localStorage.setItem("dormouse.name", name), name);
      const page = await context.newPage();
      page.on("pageerror", (error) => faults.push(String(error.stack ?? error)));
      page.on("console", (message) => {
        // A lost line is in the console too, and is what these tests are about; a broken rule of the page is not.
        if (message.type() === "error" && !message.text().includes("net::ERR_") && !isLine(message.text()))
          faults.push(message.text());
      });
      await page.goto(path);
      return page;
    };
    const list: Windows["list"] = async (id, window) => new List(await open(`/todo/${id}`, window));
    await use({ open, list });
    for (const context of contexts) await context.close();
    expect(faults, "the page has no errors of its own").toEqual([]);
  },
});

const isLine = (text: string): boolean => /WebSocket connection to|Failed to load resource/.test(text);

/** Every window shows what the host holds, with nothing waiting: these titles, or so many of them. Gives the titles. */
export async function agreed(
  host: Host,
  id: string,
  lists: readonly List[],
  wanted: readonly string[] | number,
): Promise<string[]> {
  const reader = await host.guest("Reader");
  let titles: string[] = [];
  await expect(async () => {
    const { view } = await reader.see(id);
    const items = Object.entries(view.items).sort(([a], [b]) => Number(a) - Number(b));
    const truth = items.map(([, { title, done }]) => ({ title, done, waiting: false }));
    titles = truth.map((row) => row.title);
    if (typeof wanted === "number") expect(titles).toHaveLength(wanted);
    else expect(titles).toEqual(wanted);
    for (const list of lists) expect(await list.read()).toEqual(truth);
  }).toPass({ timeout: 30_000 });
  return titles;
}
