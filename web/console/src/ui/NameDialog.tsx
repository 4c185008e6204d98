// Who am I: asked when somebody wants to say it, kept on this device.
import { rename } from "../session";
import { Dialog, TextField } from "./Dialog";

export const NAME_MAX = 40;

interface Props {
  name: string;
  waiting: number;
  onClose(): void;
}

export function NameDialog({ name, waiting, onClose }: Props) {
  function submit(form: FormData) {
    const next = String(form.get("name") ?? "").trim();
    if (next === "") return "Type the name that others should see.";
    // The waiting commands were sent under the old name, and only that guest can send them again.
    if (waiting > 0) return `${waiting} of your changes wait for the line. Change your name when they have arrived.`;
    rename(next);
  }
  return (
    <Dialog title="Who are you?" action="Use this name" onClose={onClose} onSubmit={submit}>
      <TextField
        label="Your name"
        name="name"
        value={name}
        maxLength={NAME_MAX}
        hint="Others see it beside what you do. What you did before keeps the name you had."
      />
    </Dialog>
  );
}
