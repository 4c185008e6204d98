// Two projects of one runner: the tests, and the pictures of the README. Both drive the page that the real binary serves.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { defineConfig } from "@playwright/test";
import type { Shape } from "./support/host.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
// The workers inherit the answer: one of them looking for a browser, perhaps installing it, is enough.
const chromium = (process.env["CHROMIUM"] ??= browser());

export default defineConfig<{ shape: Shape }>({
  outputDir: "test-results",
  reporter: [["list"]],
  fullyParallel: true,
  forbidOnly: Boolean(process.env["CI"]),
  workers: 2,
  // A host is killed and comes back within one test, and the machine may be building something else meanwhile.
  timeout: 60_000,
  expect: { timeout: 15_000 },
  projects: [
    { name: "e2e", testDir: "tests" },
    { name: "cloud", testDir: "tests", grep: /@cloud/, use: { shape: "cloud" } },
    { name: "pictures", testMatch: "pictures.ts" },
  ],
  use: {
    // Recording costs as much as the tests themselves; `npm run e2e -- --trace on` shows what a failed one saw.
    trace: "off",
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    timezoneId: "Europe/Zurich",
    launchOptions: {
      executablePath: chromium,
      env: { ...process.env, FONTCONFIG_FILE: here("support/fonts.conf") },
      args: [
        // Root has no sandbox to give to a child.
        ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
        // A page that a test serves in the host's place counts as one of the internet, which may not open sockets to this machine.
        "--disable-features=LocalNetworkAccessChecks",
        "--disable-gpu",
        "--disable-quic",
        "--disable-sync",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
      ],
    },
  },
});

function browser(): string {
  try {
    return execFileSync(here("../../tools/browser"), { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
  } catch {
    // It said why.
    process.exit(1);
  }
}
