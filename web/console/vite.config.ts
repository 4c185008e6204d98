// One page. `--mode fake` swaps the line to a host for an engine in memory (dev/fake), which is how the pictures are taken.
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const host = process.env.DORMOUSE_HOST ?? "http://127.0.0.1:4747";

export default defineConfig(({ mode }) => ({
  plugins: [react()],
  resolve: {
    // The workspace's own packages are read from their sources: no build order to remember.
    conditions: ["@dormouse/source", "module", "browser", "development|production"],
    alias: { "#connect": here(mode === "fake" || mode === "test" ? "./dev/fake/connect.ts" : "./src/connect.ts") },
  },
  // Nothing is inlined: a host may forbid data: addresses.
  build: { outDir: mode === "fake" ? "test-results/fake" : "dist", emptyOutDir: true, assetsInlineLimit: 0 },
  server: { proxy: { "/v1": { target: host, ws: true }, "/health": host } },
  // Whole pages are rendered, and the machine may be building something else meanwhile.
  test: {
    environment: "jsdom",
    testTimeout: 30_000,
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["./dev/test-setup.ts"],
  },
}));
