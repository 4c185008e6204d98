// The dormouse, asleep. `breathing` only on home and in empty states.

export function Mark({ breathing = false }: { breathing?: boolean }) {
  return (
    <svg className={breathing ? "mark breathing" : "mark"} aria-hidden="true">
      <use href="#mark" />
    </svg>
  );
}

export function Wordmark() {
  return (
    <svg className="word" viewBox="0 0 225 42" width="91" aria-hidden="true">
      <use href="#word" />
    </svg>
  );
}
