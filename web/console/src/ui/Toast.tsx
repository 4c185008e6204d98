// Bottom left, one at a time, six seconds, stays while hovered or focused, carries its way back.
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";

const STAYS = 6000;

interface Note {
  key: number;
  text: string;
  undo?: () => void;
}
type Show = (text: string, undo?: () => void) => void;

const Context = createContext<Show>(() => {});

export const useToast = (): Show => useContext(Context);

let keys = 0;

export function ToastProvider({ children }: { children: ReactNode }) {
  const [note, setNote] = useState<Note>();
  const show = useCallback<Show>((text, undo) => setNote({ key: ++keys, text, ...(undo && { undo }) }), []);
  const close = useCallback(() => setNote(undefined), []);
  return (
    <Context value={show}>
      {children}
      <div role="status" aria-live="polite">
        {note && <Toast key={note.key} note={note} close={close} />}
      </div>
    </Context>
  );
}

function Toast({ note, close }: { note: Note; close: () => void }) {
  const [held, setHeld] = useState(false);
  const undo = useMemo(
    () =>
      note.undo &&
      (() => {
        note.undo?.();
        close();
      }),
    [note, close],
  );

  useEffect(() => {
    if (held) return;
    const timer = setTimeout(close, STAYS);
    return () => clearTimeout(timer);
  }, [held, close]);
  useUndoKey(undo);

  return (
    <div
      className="toast"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <span>{note.text}</span>
      {undo && <button onClick={undo}>Undo</button>}
    </div>
  );
}

/** Six seconds are short for somebody who tabs there, so Ctrl+Z does the same; in a field it stays the field's own. */
function useUndoKey(undo: (() => void) | undefined) {
  useEffect(() => {
    if (!undo) return;
    function key(event: KeyboardEvent) {
      const typing =
        event.target instanceof HTMLInputElement && event.target.type !== "range" && event.target.value !== "";
      if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey || typing) return;
      event.preventDefault();
      undo?.();
    }
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, [undo]);
}
