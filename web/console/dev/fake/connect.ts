// Stands in for src/connect.ts in `--mode fake` and in tests: the real SDK, a host in memory.
import { createClient } from "@dormouse/client";
import type { Connect, Kinds } from "../../src/sdk";
import { FakeHost } from "./host";
import { fakeFetch, fakeSocket } from "./line";
import { seeded } from "./seed";

const test = import.meta.env.MODE === "test";

export const fake: { host: FakeHost } = { host: test ? new FakeHost() : seeded() };

// For scripts that take pictures: `fake.host.rooms.get("market").act(…)`.
if (!test) (window as unknown as { fake: typeof fake }).fake = fake;

export const connect: Connect = ({ name, storage }) =>
  createClient<Kinds>({
    endpoint: "http://fake",
    storage,
    fetch: fakeFetch(fake.host),
    WebSocket: fakeSocket(fake.host),
    ...(name === undefined ? {} : { name }),
  });
