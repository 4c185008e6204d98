// What people say and how they feel: heard by whoever is here now, and kept nowhere.
import { type FormEvent, useCallback, useEffect, useRef, useState } from "react";
import type { AnyHandle, SignalNote } from "../../sdk";

const WORDS_MAX = 200;
/** Lines that one can still read; older ones are gone. */
const SHOWN = 50;
/**
 * A person says no more in that time than this; more would be noise. The host has its own limit, a hundred signals a second
 * for each connection: that one is against floods, not against chatter.
 */
const WITHIN = 10_000;
const SAID_MAX = 8;

/** Words, because some devices have no pictures for them. */
const REACTIONS = ["Nice", "Well played", "Ha", "Hmm", "Oh no"] as const;

interface Line {
  key: number;
  who: string;
  words: string;
}

interface Props {
  handle: AnyHandle;
  me: string | undefined;
  /** Whoever sits at the table is called there as they sit; nobody else has a name there. */
  nameOf(principal: string): string | undefined;
}

export function Chat({ handle, me, nameOf }: Props) {
  const [lines, setLines] = useState<readonly Line[]>([]);
  const key = useRef(0);
  const names = useRef(nameOf);
  names.current = nameOf;
  const add = useCallback((who: string, words: string) => {
    const line = { key: ++key.current, who, words };
    setLines((old) => [...old, line].slice(-SHOWN));
  }, []);
  // A host tells the others; whoever spoke knows what they said.
  const { say, isOwn, early } = useSay(handle, (words) => add("You", words));
  useEffect(
    () =>
      handle.onSignal((note) => {
        const words = wordsOf(note);
        if (words === undefined || !note.from || isOwn(note)) return;
        const { id, name } = note.from;
        add(id === me ? "You" : (names.current(id) ?? watching(name)), words);
      }),
    [handle, me, add, isOwn],
  );
  return (
    <section className="plate chat" aria-labelledby="chat">
      <header>
        <h2 id="chat">Chat</h2>
        <span className="tiny faint push">Heard now, kept nowhere</span>
      </header>
      <div className="chat__lines" role="log" aria-label="Chat" tabIndex={0}>
        {lines.map(({ key, who, words }) => (
          <p key={key} className="small">
            <b>{who}</b> {words}
          </p>
        ))}
      </div>
      <p className="row wrap chat__reactions">
        {REACTIONS.map((reaction) => (
          <button key={reaction} className="btn btn--quiet" onClick={() => say({ reaction })}>
            {reaction}
          </button>
        ))}
      </p>
      <Field onSay={(words) => say({ chat: words })} />
      {early && (
        <p className="tiny quiet chat__early" role="status">
          A little slower, please.
        </p>
      )}
    </section>
  );
}

/** Guests choose their names, also those of players: who has no seat is told apart. */
const watching = (name: string): string => `${name || "A guest"} (watching)`;

function Field({ onSay }: { onSay(words: string): boolean }) {
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const field = event.currentTarget.elements.namedItem("words") as HTMLInputElement;
    if (field.value.trim() !== "" && onSay(field.value.trim())) field.value = "";
  }
  return (
    <form className="row chat__say" onSubmit={submit}>
      <span className="field">
        <input name="words" aria-label="Say something" placeholder="Say something" maxLength={WORDS_MAX} autoComplete="off" />
      </span>
      <button className="btn">Say</button>
    </form>
  );
}

function useSay(handle: AnyHandle, said: (words: string) => void) {
  const times = useRef<number[]>([]);
  /** Over a stream a host tells also whoever spoke. */
  const own = useRef<readonly unknown[]>([]);
  const [early, setEarly] = useState(false);
  function say(signal: { chat: string } | { reaction: string }): boolean {
    const now = Date.now();
    times.current = times.current.filter((at) => at > now - WITHIN);
    const may = times.current.length < SAID_MAX;
    setEarly(!may);
    if (!may) return false;
    times.current.push(now);
    const key = `${now}-${Math.random()}`;
    own.current = [...own.current, key].slice(-SAID_MAX);
    handle.signal({ ...signal, key });
    said("chat" in signal ? signal.chat : signal.reaction);
    return true;
  }
  const isOwn = useCallback(({ signal }: SignalNote) => own.current.includes((signal as { key?: unknown } | null)?.key), []);
  return { say, isOwn, early };
}

/** Anybody may send anything: what is neither a short text nor one of the reactions is not shown. */
export function wordsOf({ signal }: Pick<SignalNote, "signal">): string | undefined {
  if (typeof signal !== "object" || signal === null) return undefined;
  const { chat, reaction } = signal as { chat?: unknown; reaction?: unknown };
  if (typeof chat === "string") return chat.trim().slice(0, WORDS_MAX) || undefined;
  return REACTIONS.find((known) => known === reaction);
}
