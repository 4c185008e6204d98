// The next game of the same people: a new room with the same settings, and word of it in the old one.
import { DormouseError } from "@dormouse/client";
import type { LiapTuiCommand, LiapTuiConfig, LiapTuiView } from "../../generated/liap-tui";
import type { Client } from "../../sdk";

export type Tables = Pick<ReturnType<typeof tablesOf>, "create" | "get">;
export const tablesOf = (client: Client) => client.actor("liap-tui");

interface Over {
  id: string;
  view: LiapTuiView;
  name: string;
  send(command: LiapTuiCommand): Promise<unknown>;
}

/** The new room's id. Nothing if somebody was first: the old room shows theirs. */
export async function openRematch(tables: Tables, { id, view, name, send }: Over): Promise<string | undefined> {
  // The same key makes the same room, however often it is pressed.
  const room = await tables.create({ ...sameAgain(view), name }, { key: `rematch-${id}` });
  try {
    await send({ type: "rematch", room: room.id });
    return room.id;
  } catch (error) {
    if (!isSecond(error)) throw error;
    // A table that nobody will come to is not left in the lists.
    await tables.get(room.id).send({ type: "leave_room" });
    return undefined;
  }
}

function sameAgain({ mode, pace, private: hidden, seats }: LiapTuiView): LiapTuiConfig {
  const level = seats.find((seat) => seat?.level)?.level;
  return { mode, pace, private: hidden, ...(level ? { bots: level } : {}) };
}

const isSecond = (error: unknown): boolean => error instanceof DormouseError && error.reason === "rematch_stands";
