/**
 * One actor in a component. The subscription is made when the component is on the screen, not while it
 * renders, since React may render without showing; components that watch the same actor share its wire.
 */
import type { Accepted, ActorTypes, DormouseError, Handle, Pending, Person, SendOptions, Status, ViewSubscription } from "@dormouse/client";
import { useMemo, useSyncExternalStore } from "react";
import type { AppKinds } from "./kinds.js";
import { useClient } from "./provider.js";

export interface Actor<T extends ActorTypes> {
  /** With this client's unconfirmed commands on top; undefined before the first view. */
  readonly view: T["view"] | undefined;
  readonly status: Status;
  readonly send: (command: T["command"], options?: SendOptions<T["view"]>) => Promise<Accepted>;
  readonly position: string | null;
  readonly pending: readonly Pending[];
  readonly here: readonly Person[];
  readonly error: DormouseError | null;
  readonly handle: Handle<T>;
  /** Null until the component is on the screen. */
  readonly subscription: ViewSubscription<T["view"]> | null;
}

export function useActor<N extends keyof AppKinds & string>(kind: N, id: string): Actor<AppKinds[N]> {
  const client = useClient();
  const store = useMemo(() => storeOf(client.actor(kind).get(id), () => client.status), [client, kind, id]);
  return useSyncExternalStore(store.subscribe, store.get, store.get);
}

interface Store<T extends ActorTypes> {
  subscribe(fn: () => void): () => void;
  get(): Actor<T>;
}

function storeOf<T extends ActorTypes>(handle: Handle<T>, status: () => Status): Store<T> {
  const send: Actor<T>["send"] = (command, options) => handle.send(command, options);
  let actor = unwatched(handle, send, status());
  return {
    subscribe(fn) {
      const subscription = handle.subscribe();
      const update = (): void => {
        actor = watched(handle, send, subscription);
        fn();
      };
      const off = subscription.onChange(update);
      // Another component may hold the view already, and then nothing more need change.
      update();
      return () => {
        off();
        subscription.close();
      };
    },
    get: () => actor,
  };
}

function unwatched<T extends ActorTypes>(handle: Handle<T>, send: Actor<T>["send"], status: Status): Actor<T> {
  const nothing = { view: undefined, position: null, pending: [], here: [], error: null, subscription: null };
  return { ...nothing, status: status === "live" ? "connecting" : status, send, handle };
}

function watched<T extends ActorTypes>(
  handle: Handle<T>, send: Actor<T>["send"], subscription: ViewSubscription<T["view"]>,
): Actor<T> {
  const { view, status, position, pending, here, error } = subscription;
  return { view, status, send, position, pending, here, error, handle, subscription };
}
