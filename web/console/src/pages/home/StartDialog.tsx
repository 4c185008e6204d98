// Start a room: which kind, what it is called, and, the first time, who you are.
import { useRef, useState } from "react";
import { APPS, iconOf } from "../../apps";
import { navigate } from "../../router";
import type { HostInfo } from "../../sdk";
import type { Session } from "../../session";
import { Dialog, TextField } from "../../ui/Dialog";
import { Icon } from "../../ui/Sprite";

interface Props {
  session: Session;
  kinds: HostInfo["kinds"];
  preferred: string | undefined;
  onClose(): void;
}

export function StartDialog({ session, kinds, preferred, onClose }: Props) {
  const possible = kinds.filter(({ kind }) => APPS[kind]);
  // A kind with a lobby has a way of its own; who presses here mostly wants a room at once.
  const first = possible.find(({ kind }) => !APPS[kind]?.Lobby) ?? possible[0];
  const [picked, pick] = useState(preferred && APPS[preferred] ? preferred : undefined);
  // The host may say what it has after somebody pressed.
  const kind = picked ?? first?.kind;
  const key = useRef(newKey());
  const app = kind === undefined ? undefined : APPS[kind];

  async function start(form: FormData) {
    if (!app || kind === undefined) return "This host offers no room that this console can show.";
    if (app.Lobby) return navigate(`/${kind}`);
    // The same key makes the same room: pressing twice, or again after a drop, starts one.
    const title = String(form.get("title") ?? "").trim();
    const room = await session.client.actor(kind).create(app.config?.(title), { key: key.current });
    navigate(`/${kind}/${encodeURIComponent(room.id)}`);
  }

  return (
    <Dialog title="Start a room" action="Start" onClose={onClose} onSubmit={start}>
      {possible.length > 1 && (
        <fieldset className="choices">
          <legend className="small">What kind</legend>
          {possible.map((choice) => (
            <label key={choice.kind} className="choice">
              <input
                type="radio"
                name="kind"
                value={choice.kind}
                checked={choice.kind === kind}
                onChange={() => pick(choice.kind)}
              />
              <Icon name={iconOf(choice.kind)} />
              {choice.title}
            </label>
          ))}
        </fieldset>
      )}
      {app?.titleLabel && (
        <TextField
          label={app.titleLabel}
          name="title"
          maxLength={80}
          placeholder="Saturday market"
          hint="It can be empty, and changed later."
        />
      )}
    </Dialog>
  );
}

/** `randomUUID` is missing on plain http; a key only has to be new. */
const newKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
