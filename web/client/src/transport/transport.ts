import type { Fault } from "../errors.js";
import type { ClientFrame, ServerFrame } from "../frames.js";

/** Carries frames both ways, in order. After `close` it says nothing more. */
export interface Transport {
  send(frame: ClientFrame): void;
  close(): void;
}

/** What a transport tells. `dropped` comes at most once and is the last; `unopened` means it never opened. */
export interface Hooks {
  opened(): void;
  frame(frame: ServerFrame): void;
  dropped(fault: Fault | null, unopened: boolean): void;
}
