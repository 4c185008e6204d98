/** The first rows of a list in a component, as they change. Made when the component is on the screen, as `useActor` is. */
import type { ActorRow, DormouseError, ListSubscription, Status, WatchOptions } from "@dormouse/client";
import { useMemo, useSyncExternalStore } from "react";
import type { AppKinds } from "./kinds.js";
import { useClient } from "./provider.js";

export interface List {
  /** In the order of the list; undefined before the first answer. */
  readonly rows: readonly ActorRow[] | undefined;
  /** There are more rows: `after` of the client's `list` asks for them. */
  readonly next: string | undefined;
  readonly status: Status;
  readonly error: DormouseError | null;
  /** Null until the component is on the screen. */
  readonly subscription: ListSubscription | null;
}

export function useList<N extends keyof AppKinds & string>(kind: N, { mine, status }: WatchOptions = {}): List {
  const client = useClient();
  const store = useMemo(() => {
    const options = { ...(mine === undefined ? {} : { mine }), ...(status === undefined ? {} : { status }) };
    return storeOf(() => client.actor(kind).watch(options), client.status);
  }, [client, kind, mine, status]);
  return useSyncExternalStore(store.subscribe, store.get, store.get);
}

function storeOf(watch: () => ListSubscription, status: Status): { subscribe(fn: () => void): () => void; get(): List } {
  let list: List = { rows: undefined, next: undefined, status: status === "live" ? "connecting" : status, error: null, subscription: null };
  return {
    subscribe(fn) {
      const subscription = watch();
      const update = (): void => {
        const { rows, next, status, error } = subscription;
        list = { rows, next, status, error, subscription };
        fn();
      };
      const off = subscription.onChange(update);
      // Another component may hold the rows already, and then nothing more need change.
      update();
      return () => {
        off();
        subscription.close();
      };
    },
    get: () => list,
  };
}
