// How the line is: colour + shape + word. The one that is `spoken` is a live region; a page has one for each device.
import { Icon } from "./Sprite";

export type Tone = "connecting" | "live" | "replaying" | "offline" | "asleep";

const WORDS: Record<Tone, string> = {
  connecting: "Connecting",
  live: "Live",
  replaying: "Catching up",
  offline: "Offline",
  asleep: "Asleep",
};

interface Props {
  tone: Tone;
  words?: string;
  spoken?: boolean;
}

export function Status({ tone, words = WORDS[tone], spoken = false }: Props) {
  const region = spoken ? { role: "status", "aria-live": "polite" as const, "data-testid": "status" } : {};
  return (
    <span className={`status status--${tone}`} data-tone={tone} {...region}>
      <Icon name={tone} />
      {words}
    </span>
  );
}
