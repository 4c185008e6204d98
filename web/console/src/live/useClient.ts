// What @dormouse/react leaves to the application: who I am, and the plug.
import { useCallback, useReducer, useSyncExternalStore } from "react";
import { useClient } from "@dormouse/react";
import type { Principal } from "../sdk";

export function usePrincipal(): Principal | null {
  const client = useClient();
  return useSyncExternalStore(
    useCallback((fn) => client.onChange(fn), [client]),
    () => client.principal,
  );
}

// Pulled plugs outlive the page that pulled them: somebody who goes home and comes back still wants to plug in again.
const pulled = new WeakSet<object>();

export function usePlug() {
  const client = useClient();
  const [, changed] = useReducer((n: number) => n + 1, 0);
  const toggle = useCallback(() => {
    if (pulled.delete(client)) client.plug();
    else {
      pulled.add(client);
      client.unplug();
    }
    changed();
  }, [client]);
  return { pulled: pulled.has(client), toggle };
}
