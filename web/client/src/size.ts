/** What a line carries, in bytes. */
import { localFault, type Fault } from "./errors.js";

export function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

export function tooLarge(what: string, limit: number): Fault {
  return localFault("too_large", `A ${what} has at most ${limit} bytes.`, "stop");
}
