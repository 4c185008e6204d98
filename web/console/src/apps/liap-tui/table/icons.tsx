// The two shapes that only this table has: a bot, and who leads.
import type { ReactNode } from "react";

const drawn = (d: string) => (
  <svg viewBox="0 0 24 24" aria-hidden="true">
    <path d={d} fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" />
  </svg>
);

export const BOT: ReactNode = drawn(
  "M7.5 8h9a3 3 0 0 1 3 3v5a3 3 0 0 1-3 3h-9a3 3 0 0 1-3-3v-5a3 3 0 0 1 3-3zM12 4.5V8M9 13v1.5M15 13v1.5",
);
export const CROWN: ReactNode = drawn("M4 17.5L3 8l5 3.5L12 5l4 6.5L21 8l-1 9.5z");
