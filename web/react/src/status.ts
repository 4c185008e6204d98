import type { Status } from "@dormouse/client";
import { useCallback, useSyncExternalStore } from "react";
import { useClient } from "./provider.js";

/** The client's status, as it changes. */
export function useStatus(): Status {
  const client = useClient();
  const subscribe = useCallback((fn: () => void) => client.onStatus(fn), [client]);
  const get = (): Status => client.status;
  return useSyncExternalStore(subscribe, get, get);
}
