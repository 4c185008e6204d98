// A page that comes from nearer than the host, as from a cache or another server: it loads while the host is down.
import type { Page } from "@playwright/test";

/** From the next load on: what the page is made of is remembered, and served where the host does not answer. */
export async function keepPage(page: Page): Promise<void> {
  const kept = new Map<string, { body: Buffer; contentType: string }>();
  await page.route(
    (url) => !url.pathname.startsWith("/v1"),
    async (route) => {
      const url = route.request().url();
      const answer = await route.fetch().catch(() => undefined);
      if (answer !== undefined)
        kept.set(url, { body: await answer.body(), contentType: answer.headers()["content-type"] ?? "" });
      const held = kept.get(url);
      await (held === undefined ? route.abort() : route.fulfill(held));
    },
  );
}
