// What one is called at tables. It goes with each command that takes a seat, so another name is not another guest.
import { useSession } from "../../session";
import { recall, remember } from "../../ui/memory";

const KEY = "dormouse.liap-tui.name";

/** The last one that was used at a table, else the guest's own. */
export function usePlayerName(): string {
  const { name } = useSession();
  return recall(KEY) ?? name ?? "";
}

export const keepPlayerName = (name: string): void => remember(KEY, name);
