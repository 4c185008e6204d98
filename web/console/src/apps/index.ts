// The apps that this console has a page for, by the kind of their actors. A new app adds one line.
import { type ComponentType, lazy, type LazyExoticComponent } from "react";
import type { IconName } from "../ui/Sprite";

export interface App {
  icon: IconName;
  /** What its rooms are called where they have no title. */
  untitled: string;
  Page: LazyExoticComponent<ComponentType<{ id: string }>>;
  /** A page of its own before the rooms, at the kind's address: there rooms of it are started. */
  Lobby?: LazyExoticComponent<ComponentType>;
  /** What it invites to on home. */
  invitation?: string;
  /** What is asked before a room is started; the answer is its title. Not asked where there is a lobby. */
  titleLabel?: string;
  config?(title: string): unknown;
}

export const APPS: Record<string, App> = {
  todo: {
    icon: "todo",
    untitled: "Todo list",
    Page: lazy(() => import("./todo/TodoPage")),
    titleLabel: "Name of the list",
    config: (title) => (title === "" ? {} : { title }),
  },
  "liap-tui": {
    icon: "liap-tui",
    untitled: "Table",
    Page: lazy(() => import("./liap-tui/LiapPage")),
    Lobby: lazy(() => import("./liap-tui/LobbyPage")),
    invitation: "Play Liap Tui",
  },
};

/** Kinds without a page here still have a shape in the list. */
const ICONS: Record<string, IconName> = {
  duel: "duel",
  world: "world",
  worldbuild: "world",
  ledger: "ledger",
  ledgerquest: "ledger",
};

export const iconOf = (kind: string): IconName => APPS[kind]?.icon ?? ICONS[kind] ?? "room";
