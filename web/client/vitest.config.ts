import { defineConfig } from "vitest/config";

// Busy machines slow the seeds of the chaos test down; time in the tests themselves is turned by hand.
export default defineConfig({ test: { include: ["test/**/*.test.ts"], environment: "node", testTimeout: 30_000 } });
