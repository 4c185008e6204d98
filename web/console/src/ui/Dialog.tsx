// A modal question with a form: title, fields, the reason if it was refused, and two buttons.
import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";

interface Props {
  title: string;
  action: string;
  children: ReactNode;
  onClose(): void;
  /** Resolves when it worked; rejects or returns words when it did not, and then the dialog stays with them. */
  onSubmit(form: FormData): Promise<string | void> | string | void;
}

export function Dialog({ title, action, children, onClose, onSubmit }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const [refused, setRefused] = useState("");
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setRefused("");
    try {
      const words = await onSubmit(new FormData(event.currentTarget));
      if (words) setRefused(words);
      else onClose();
    } catch (error) {
      setRefused(
        error instanceof Error && error.message ? error.message : "That did not work. Nothing was changed; try again.",
      );
    } finally {
      setBusy(false);
    }
  }

  return (
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby={heading}
      onClose={onClose}
      onClick={(e) => {
        if (e.target === e.currentTarget) onClose();
      }}
    >
      <form onSubmit={(event) => void submit(event)}>
        <h2 id={heading}>{title}</h2>
        {children}
        {refused && (
          <p className="dialog__refused small" role="alert">
            {refused}
          </p>
        )}
        <div className="row dialog__acts">
          <button type="button" className="btn btn--quiet" onClick={onClose}>
            Cancel
          </button>
          <button className="btn btn--go">{action}</button>
        </div>
      </form>
    </dialog>
  );
}

interface FieldProps {
  label: string;
  name: string;
  value?: string;
  hint?: string;
  placeholder?: string;
  required?: boolean;
  maxLength?: number;
}

export function TextField({ label, name, value = "", hint, ...rest }: FieldProps) {
  const id = useId();
  return (
    <div className="labelled">
      <label htmlFor={id} className="small">
        {label}
      </label>
      <span className="field">
        <input
          id={id}
          name={name}
          defaultValue={value}
          autoComplete="off"
          aria-describedby={hint && `${id}-hint`}
          onFocus={(event) => event.target.select()}
          {...rest}
        />
      </span>
      {hint && (
        <p id={`${id}-hint`} className="tiny faint">
          {hint}
        </p>
      )}
    </div>
  );
}
