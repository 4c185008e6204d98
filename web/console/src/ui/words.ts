// Numbers and counts as we say them: small ones are spelled, large ones grouped.

const SMALL = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
const grouped = new Intl.NumberFormat("en-US");

export const figure = (n: number): string => grouped.format(n);

export const spell = (n: number): string => SMALL[n] ?? figure(n);

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export const plural = (n: number, one: string, many = `${one}s`): string => `${figure(n)} ${n === 1 ? one : many}`;

/** "1.8 ms" of microseconds: two digits are all that a reader compares. */
export function duration(microseconds: number): string {
  if (microseconds < 1000) return `${Math.round(microseconds)} µs`;
  const ms = microseconds / 1000;
  if (ms >= 1000) return `${(ms / 1000).toPrecision(2)} s`;
  return `${ms < 100 ? Number(ms.toPrecision(2)) : Math.round(ms)} ms`;
}
