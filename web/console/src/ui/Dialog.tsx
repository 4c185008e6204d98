// What floats over the page until it is answered or read: a question with a form, or anything under a title.
import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";

interface ModalProps {
  title: string;
  children: ReactNode;
  onClose(): void;
}

export function Modal({ title, children, onClose }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    if (dialog.current?.open) return;
    dialog.current?.showModal();
    // Whoever is asked something types it; whatever else can be chosen is chosen already.
    dialog.current?.querySelector<HTMLElement>("input:not([type])")?.focus();
  }, []);
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
      <div className="dialog__body">
        <h2 id={heading}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

interface Props extends ModalProps {
  action: string;
  /** Resolves when it worked; rejects or returns words when it did not, and then the dialog stays with them. */
  onSubmit(form: FormData): Promise<string | void> | string | void;
}

/** Title, fields, the reason if it was refused, and two buttons. */
export function Dialog({ title, action, children, onClose, onSubmit }: Props) {
  const [refused, setRefused] = useState("");
  const [busy, setBusy] = useState(false);

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
    <Modal title={title} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
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
    </Modal>
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
