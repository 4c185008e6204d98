// The line to the host that served this page.
import { createClient } from "@dormouse/client";
import type { Connect, Kinds } from "./sdk";

export const connect: Connect = ({ name, storage }) =>
  createClient<Kinds>({ endpoint: location.origin, storage, ...(name === undefined ? {} : { name }) });
