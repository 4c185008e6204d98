import { FIRST_DELAY_MS, MAX_DELAY_MS } from "./limits.js";

/**
 * How long to wait before attempt `attempt + 1`. Half of the wait is random, so that the viewers of a
 * restarted host do not return as one wave. A host's `retryAfter` is never undercut, for the same reason.
 */
export function backoffMs(attempt: number, random: number, retryAfter = 0): number {
  const ceiling = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 16));
  const delay = ceiling / 2 + (ceiling / 2) * random;
  return delay >= retryAfter ? delay : retryAfter + FIRST_DELAY_MS * random;
}
