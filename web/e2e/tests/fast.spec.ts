import { expect, test } from "../support/test.ts";

test("changes that come faster than they are drawn break nothing, and the last one is shown", async ({ host, windows }) => {
  const guest = await host.guest("Host");
  const id = await guest.list("Saturday market");
  const ana = await windows.list(id);
  await expect(ana.status).toHaveText("Live");
  for (let n = 1; n <= 300; n += 1) await guest.send(id, { type: "rename_list", title: `Title ${n}` });
  await expect(ana.page.getByRole("heading", { level: 1 })).toHaveText("Title 300");
  await expect(ana.position).toHaveText("1:301");
  await guest.fill(id, 300);
  await expect(ana.rows).toHaveCount(300);
  await expect(ana.position).toHaveText("1:601");
});
