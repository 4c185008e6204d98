// One polite live region tells what happens on the table, and what the reader's own choice makes.
import { useCallback, useEffect, useRef, useState } from "react";
import { news, type Seen } from "./words";

export interface Announcer {
  text: string;
  say(text: string): void;
}

export function useAnnouncer({ view, you, open }: Seen, silent: boolean): Announcer {
  const [text, setText] = useState("");
  const before = useRef<Seen>(undefined);
  useEffect(() => {
    const after = { view, you, open };
    const said = silent ? "" : news(before.current, after);
    before.current = silent ? undefined : after;
    if (said) setText(said);
  }, [view, you, open, silent]);
  return { text, say: useCallback((words: string) => setText(words), []) };
}
