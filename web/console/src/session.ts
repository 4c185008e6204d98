// Who I am on this device: one client for the page, made again under a new name when somebody says who they are.
import { useSyncExternalStore } from "react";
import { connect } from "#connect";
import type { Client } from "./sdk";
import { browserStorage, drawer } from "./storage";
import { recall, remember } from "./ui/memory";

const NAME = "dormouse.name";

export interface Session {
  readonly client: Client;
  readonly name: string | undefined;
}

let session: Session | undefined;
const listeners = new Set<() => void>();

const mine = () => drawer(browserStorage("localStorage"), "dormouse.me.");

function open(name: string | undefined): Session {
  return { name, client: connect({ storage: mine(), ...(name === undefined ? {} : { name }) }) };
}

const current = (): Session => (session ??= open(recall(NAME)));

function subscribe(fn: () => void): () => void {
  listeners.add(fn);
  return () => listeners.delete(fn);
}

export const useSession = (): Session => useSyncExternalStore(subscribe, current);

/**
 * A guest's name is in the token that the host signed, so a new name is a new guest: the old token goes.
 * Commands that still wait belong to the old one; the caller asks only when there are none.
 */
export function rename(name: string): void {
  if (name === current().name) return;
  remember(NAME, name);
  current().client.close();
  mine().clear();
  session = open(name);
  for (const fn of listeners) fn();
}

/** Another guest in the same page. The tab remembers it, so that a reload is the same guest again. */
export function secondClient(): Client {
  return connect({ name: "Second device", storage: drawer(browserStorage("sessionStorage"), "dormouse.second.") });
}
