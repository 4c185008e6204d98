import { defineConfig } from "vitest/config";

// The condition makes tests read the client's sources, so that they need no build first.
export default defineConfig({
  resolve: { conditions: ["@dormouse/source"] },
  ssr: { resolve: { conditions: ["@dormouse/source"] } },
  test: { include: ["test/**/*.test.{ts,tsx}"], environment: "jsdom" },
});
