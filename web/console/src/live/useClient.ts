// A client and its subscriptions as React state.
import { useCallback, useEffect, useReducer, useState, useSyncExternalStore } from "react";
import type { ActorTypes, Client, Handle, LineStatus, Room } from "../sdk";

export function useStatus(client: Client): LineStatus {
  return useSyncExternalStore(useCallback((fn) => client.onStatus(fn), [client]), () => client.status);
}

export function usePrincipal(client: Client) {
  return useSyncExternalStore(useCallback((fn) => client.onChange(fn), [client]), () => client.principal);
}

/** Subscribed while the component stands. The object is the SDK's own; each change renders again. */
export function useSubscription<T extends ActorTypes>(handle: Handle<T>): Room<T> | undefined {
  const [subscription, setSubscription] = useState<Room<T>>();
  const [, changed] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    const sub = handle.subscribe({ as: "view" });
    setSubscription(sub);
    const off = sub.onChange(changed);
    return () => {
      off();
      sub.close();
    };
  }, [handle]);
  return subscription;
}

// Pulled plugs outlive the page that pulled them: somebody who goes home and comes back still wants to plug in again.
const pulled = new WeakSet<Client>();

export function usePlug(client: Client) {
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
