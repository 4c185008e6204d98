// The line to the host that served this page.
import { createClient } from "@dormouse/client";
import type { Connect } from "./sdk";

export const connect: Connect = ({ name, storage }) => createClient({ endpoint: location.origin, storage, ...(name === undefined ? {} : { name }) });
