// The two shapes that only this table has: a bot, and who leads.
import type { ReactNode } from "react";

const drawn = (d: string) => (
  <svg viewBox="0 0 24 24" aria-hidden="true">
    <path d={d} fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" />
  </svg>
);

export const BOT: ReactNode = drawn(
  "M7.5 8h9a3 3 0 0 1 3 3v5a3 3 0 0 1-3 3h-9a3 3 0 0 1-3-3v-5a3 3 0 0 1 3-3zM12 4.500V8M9 13v1.500M15 13v1.500",
);
export const CROWN: ReactNode = drawn("M4 17.500L3 8l5 3.500L12 5l4 6.500L21 8l-1 9.500z");
