// The time that is left, as a ring and a number. It is read on request and announces nothing by itself.
import { counted } from "./words";

const ROUND = 2 * Math.PI * 15.5;
/** From here on the ring is in the colour of what is about to be lost. */
const SHORT = 10;

export function Clock({ left, of }: { left: number; of: number }) {
  const gone = ROUND * (1 - Math.min(1, left / of));
  return (
    <span
      className={`clock num${left <= SHORT ? " clock--short" : ""}`}
      role="timer"
      aria-label={`${counted(left, "second")} left`}
    >
      <svg viewBox="0 0 36 36" width="36" height="36" aria-hidden="true">
        <circle className="clock__all" cx="18" cy="18" r="15.5" />
        <circle cx="18" cy="18" r="15.5" strokeDasharray={ROUND} strokeDashoffset={gone} transform="rotate(-90 18 18)" />
      </svg>
      <i>{left}</i>
    </span>
  );
}
