import type { Client, Kinds } from "@dormouse/client";
import { createContext, useContext, type ReactNode } from "react";
import type { AppKinds } from "./kinds.js";

const ClientContext = createContext<Client | null>(null);

export interface DormouseProviderProps<K extends Kinds> {
  /** Made, and closed, by the application: it outlives every screen. */
  client: Client<K>;
  children?: ReactNode;
}

export function DormouseProvider<K extends Kinds>({ client, children }: DormouseProviderProps<K>): ReactNode {
  // A context has one type for all applications; `useClient` gives theirs back.
  return <ClientContext.Provider value={client as unknown as Client}>{children}</ClientContext.Provider>;
}

export function useClient(): Client<AppKinds> {
  const client = useContext(ClientContext);
  if (client === null) throw new Error("useClient needs a DormouseProvider around it");
  return client as unknown as Client<AppKinds>;
}
