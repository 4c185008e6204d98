// Times as people say them: relative up to a week, then the date; the exact one goes in the tooltip.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const two = (n: number) => String(n).padStart(2, "0");
const unit = (n: number, name: string) => `${n} ${name}${n === 1 ? "" : "s"}`;

/** "3 days", the largest whole unit. */
export function span(ms: number): string {
  if (ms < MINUTE) return unit(Math.max(0, Math.floor(ms / SECOND)), "second");
  if (ms < HOUR) return unit(Math.floor(ms / MINUTE), "minute");
  if (ms < DAY) return unit(Math.floor(ms / HOUR), "hour");
  return unit(Math.floor(ms / DAY), "day");
}

export const clock = (at: number): string => {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
};

/** "Thu 7 May", with the year when it is not this one. */
export function day(at: number, now: number): string {
  const date = new Date(at);
  const year = date.getFullYear() === new Date(now).getFullYear() ? "" : ` ${date.getFullYear()}`;
  return `${DAYS[date.getDay()]} ${date.getDate()} ${MONTHS[date.getMonth()]}${year}`;
}

/** "today, 09:41" or "Thu 7 May, 09:41". */
export function moment(at: number, now: number): string {
  const sameDay = new Date(at).toDateString() === new Date(now).toDateString();
  return `${sameDay ? "today" : day(at, now)}, ${clock(at)}`;
}

/** "just now", "14 seconds ago", "on Thu 7 May". A clock that runs behind the host's says "just now". */
export function ago(at: number, now: number): string {
  const passed = now - at;
  if (passed < 5 * SECOND) return "just now";
  if (passed < 7 * DAY) return `${span(passed)} ago`;
  return `on ${day(at, now)}`;
}

export const exact = (at: number): string =>
  new Date(at).toLocaleString("en-GB", { dateStyle: "full", timeStyle: "medium" });
