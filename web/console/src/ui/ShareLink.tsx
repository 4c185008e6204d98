// The link to where one is: the phone's own sheet where there is one, the clipboard elsewhere.
import { useEffect, useRef, useState } from "react";

const SAYS = 2500;

type State = "idle" | "copied" | "shown";

export function ShareLink({ title }: { title: string }) {
  const [state, setState] = useState<State>("idle");
  const field = useRef<HTMLInputElement>(null);
  const phone = typeof navigator.share === "function" && matchMedia("(pointer: coarse)").matches;

  useEffect(() => {
    if (state !== "copied") return;
    const timer = setTimeout(() => setState("idle"), SAYS);
    return () => clearTimeout(timer);
  }, [state]);
  useEffect(() => field.current?.select(), [state]);

  async function share() {
    if (phone)
      return navigator.share({ title, url: location.href }).catch(() => {
        /* closed without choosing */
      });
    try {
      await navigator.clipboard.writeText(location.href);
      setState("copied");
    } catch {
      // No clipboard outside of https: then the link stands there to be copied by hand.
      setState("shown");
    }
  }

  if (state === "shown")
    return (
      <span className="field share__field">
        <input
          ref={field}
          readOnly
          value={location.href}
          aria-label="Link to this room"
          onBlur={() => setState("idle")}
        />
      </span>
    );
  return (
    <>
      <button className="btn--text" onClick={() => void share()}>
        {state === "copied" ? "Copied" : phone ? "Share the link" : "Copy the link"}
      </button>
      <span className="sr" role="status">
        {state === "copied" ? "The link is copied" : ""}
      </span>
    </>
  );
}
