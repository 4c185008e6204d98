// Every symbol of the kit, once per page, and the way to use one. Shapes are those of the mock-ups.
import type { SVGProps } from "react";

const LINE = {
  fill: "none",
  stroke: "currentColor",
  strokeWidth: 1.6,
  strokeLinecap: "round",
  strokeLinejoin: "round",
} as const;

/** 24 × 24, drawn with one line. */
const LINES = {
  todo: "M6.5 3.5h11a3 3 0 0 1 3 3v11a3 3 0 0 1-3 3h-11a3 3 0 0 1-3-3v-11a3 3 0 0 1 3-3zM8 12.5l3 3 5-6.5",
  "liap-tui": "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 6a6 6 0 1 0 0 12a6 6 0 1 0 0-12M12 9v6M9.5 11h5",
  duel: "M7 20.5h11M8.5 17.5h8c1-5 .5-9-2-11.5L11 3.5V6c-2.5 1-4 3.5-4.5 6.5l2 1 3-1.5c0 2-2.5 3-3 5.5z",
  world:
    "M8 7a5 5 0 1 0 0 10a5 5 0 1 0 0-10M17 8.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7M8 4v1M8 19v1M1.5 12h-.2M17 6v.5M17 17.5v.5M22.5 12h.2",
  ledger: "M3.5 10.5h17v9h-17zM3.5 10.5c0-3 2-6 4.5-6h8c2.5 0 4.5 3 4.5 6M12 9v4",
  room: "M5 20.5v-16h14v16M3 20.5h18M14.5 12.5v.6",
  sun: "M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  plus: "M12 5v14M5 12h14",
  plug: "M9 3v5M15 3v5M6.5 8h11v3a5.5 5.5 0 0 1-11 0zM12 16.5V21",
  clock: "M12 3.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 1 0 0-17M12 7.5V12l3 2",
  copy: "M10.5 8.5h7a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-7a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2zM5 15V6a1.5 1.5 0 0 1 1.5-1.5H15",
  x: "M6 6l12 12M18 6L6 18",
} as const;

/** 12 × 12, the shapes of the status. */
const SHAPES = {
  live: <circle cx="6" cy="6" r="5" fill="currentColor" />,
  asleep: <path fill="currentColor" d="M5 .7A5.4 5.4 0 1 0 11.3 7 4.6 4.6 0 0 1 5 .7z" />,
  offline: <path d="M2 2l8 8M10 2l-8 8" stroke="currentColor" strokeWidth="2.2" strokeLinecap="round" />,
  replaying: <path fill="currentColor" d="M6 1v10L.5 6zM11.5 1v10L6 6z" />,
  connecting: (
    <circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" strokeWidth="2" strokeDasharray="2.8 1.91" />
  ),
} as const;

/** 32 × 32, one for each seat. */
const SEATS = [
  <circle cx="16" cy="16" r="14" fill="currentColor" />,
  <path
    fill="currentColor"
    d="M18.1 1.9l12 12a3 3 0 0 1 0 4.2l-12 12a3 3 0 0 1-4.2 0l-12-12a3 3 0 0 1 0-4.2l12-12a3 3 0 0 1 4.2 0z"
  />,
  <rect x="3" y="3" width="26" height="26" rx="4" fill="currentColor" />,
  <path fill="currentColor" d="M18.6 2.6l12.4 22.4a3 3 0 0 1-2.6 4.5H3.6A3 3 0 0 1 1 25L13.4 2.6a3 3 0 0 1 5.2 0z" />,
  <path
    fill="currentColor"
    d="M9.5 3h13a3 3 0 0 1 2.6 1.5l5.5 10a3 3 0 0 1 0 3l-5.5 10a3 3 0 0 1-2.6 1.5h-13a3 3 0 0 1-2.6-1.5l-5.5-10a3 3 0 0 1 0-3l5.5-10A3 3 0 0 1 9.5 3z"
  />,
  <path fill="currentColor" d="M16 1c5 6 11 11.5 11 18a11 11 0 0 1-22 0C5 12.5 11 7 16 1z" />,
  <path fill="currentColor" d="M4 4h24v12c0 7-6 11.5-12 14C10 27.5 4 23 4 16z" />,
  <path fill="currentColor" d="M10 2h12v8h8v12h-8v8H10v-8H2V10h8z" />,
];

export type IconName = keyof typeof LINES | keyof typeof SHAPES | "check" | `s${number}`;

export function Icon({ name, ...rest }: { name: IconName } & SVGProps<SVGSVGElement>) {
  return (
    <svg aria-hidden="true" {...rest}>
      <use href={`#${name}`} />
    </svg>
  );
}

export function Sprite() {
  return (
    <svg width="0" height="0" className="sprite" aria-hidden="true">
      <MarkDefs />
      {Object.entries(LINES).map(([id, d]) => (
        <symbol key={id} id={id} viewBox="0 0 24 24">
          <path {...LINE} d={d} />
        </symbol>
      ))}
      <symbol id="check" viewBox="0 0 24 24">
        <path {...LINE} strokeWidth={2.4} d="M5 12.5l4.5 4.5L19 7" />
      </symbol>
      {Object.entries(SHAPES).map(([id, shape]) => (
        <symbol key={id} id={id} viewBox="0 0 12 12">
          {shape}
        </symbol>
      ))}
      {SEATS.map((shape, i) => (
        <symbol key={i} id={`s${i + 1}`} viewBox="0 0 32 32">
          {shape}
        </symbol>
      ))}
    </svg>
  );
}

/** The mark and the drawn word, as in mark.svg and logo.svg but in the colour of where they stand. */
function MarkDefs() {
  return (
    <>
      <defs>
        <mask id="mk-b">
          <rect width="32" height="32" fill="#fff" />
          <circle cx="9.8" cy="9.6" r="5.9" fill="#000" />
        </mask>
        <mask id="mk-e">
          <rect width="32" height="32" fill="#fff" />
          <g fill="none" stroke="#000" strokeLinecap="round">
            <path strokeWidth="1.9" d="M5.6 18.2c1.2 1.7 3.6 1.7 4.8 0" />
            <path strokeWidth="8.6" d="M28.3 19.5C28.1 26.2 22 28.2 15 28.2H6.4" />
          </g>
        </mask>
      </defs>
      <symbol id="mark" viewBox="0 0 32 32">
        <g fill="currentColor">
          <g mask="url(#mk-e)">
            <g mask="url(#mk-b)">
              <circle cx="19.6" cy="15.2" r="11.4" />
            </g>
            <path d="M1 21.4C2 15.6 5 12.3 10 12.3c6 0 9 5.7 9 13.7H5C2.4 26 .6 23.8 1 21.4z" />
            <circle cx="9.8" cy="9.6" r="4" />
          </g>
          <path
            fill="none"
            stroke="currentColor"
            strokeWidth="5"
            strokeLinecap="round"
            d="M28.3 20C27.9 26.4 22 28.3 15 28.3H6.4"
          />
        </g>
      </symbol>
      <symbol id="word" viewBox="0 0 225 42">
        <g fill="none" stroke="currentColor" strokeWidth="4.6" strokeLinecap="round" strokeLinejoin="round">
          <circle cx="16" cy="29" r="9.5" />
          <path d="M25.5 6v32.5M66 38.5v-19M66 29c0-6 3.5-9.5 9-9.5M84 38.5v-19M84 27.5a7.5 7.5 0 0 1 15 0v11M99 27.5a7.5 7.5 0 0 1 15 0v11M151 19.5V30a8.3 8.3 0 0 0 16.6 0V19.5M167.6 19.5v19M192.5 22.3c-2-1.9-4.6-2.8-7.5-2.8-4.2 0-7 1.9-7 4.7 0 3 3 4 7.2 4.7 4.5.7 7.8 1.9 7.8 5 0 2.9-3.2 4.6-7.5 4.6-3.6 0-6.8-1.2-8.8-3.4M203.5 29.3h18.6a9.5 9.5 0 1 0-2.8 6.5" />
          <circle cx="45" cy="29" r="9.5" />
          <circle cx="132" cy="29" r="9.5" />
        </g>
      </symbol>
    </>
  );
}
