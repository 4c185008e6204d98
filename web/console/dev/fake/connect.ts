// Stands in for src/connect.ts in `--mode fake` and in tests.
import type { Connect } from "../../src/sdk";
import { FakeClient } from "./client";
import { FakeHost } from "./host";
import { seeded } from "./seed";

export const fake: { host: FakeHost } = { host: import.meta.env.MODE === "test" ? new FakeHost() : seeded() };

// For scripts that take pictures: `fake.host.rooms.get("market").act(…)`.
if (import.meta.env.MODE !== "test") (window as unknown as { fake: typeof fake }).fake = fake;

export const connect: Connect = (options) => new FakeClient(fake.host, options);
