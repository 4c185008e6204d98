// The one sentence on home, from real counts.
import { capital, figure, spell } from "../../ui/words";

/** Two lines: what is awake, what is asleep. */
export function heroLines(live: number, asleep: number): string[] {
  if (live === 0 && asleep === 0) return ["No rooms yet.", "All is quiet."];
  return [awakeLine(live), asleepLine(live, asleep)];
}

function awakeLine(live: number): string {
  if (live === 0) return "Every room is asleep.";
  return live === 1 ? "One room is awake." : `${capital(spell(live))} rooms are awake.`;
}

function asleepLine(live: number, asleep: number): string {
  if (asleep === 0) return live === 1 ? "It has the house to itself." : "None are asleep.";
  if (live === 0) return asleep === 1 ? "There is one." : `All ${figure(asleep)} of them.`;
  return asleep === 1 ? "One is asleep." : `${capital(spell(asleep))} are asleep.`;
}
