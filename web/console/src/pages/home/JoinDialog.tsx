// Join by code: an id, or the whole link that somebody sent.
import { Code, DormouseError } from "@dormouse/client";
import { APPS } from "../../apps";
import { navigate } from "../../router";
import type { Client, HostInfo } from "../../sdk";
import { Dialog, TextField } from "../../ui/Dialog";
import { parseCode } from "./rooms";

interface Props {
  client: Client;
  kinds: HostInfo["kinds"];
  onClose(): void;
}

export function JoinDialog({ client, kinds, onClose }: Props) {
  async function join(form: FormData) {
    const code = parseCode(String(form.get("code") ?? ""));
    if (!code) return "That is not a code. A code is letters and digits, or the link that somebody sent you.";
    const candidates = code.kind ? [code.kind] : kinds.map(({ kind }) => kind).filter((kind) => APPS[kind]);
    for (const kind of candidates) {
      if (!(await exists(client, kind, code.id))) continue;
      navigate(`/${kind}/${encodeURIComponent(code.id)}`);
      return;
    }
    return "No room has this code. It may have a letter too many or too few.";
  }
  return (
    <Dialog title="Join a room" action="Join" onClose={onClose} onSubmit={join}>
      <TextField label="Code or link" name="code" maxLength={300} required />
    </Dialog>
  );
}

/** The host answers "not found" for rooms that are not there and rooms that are not ours to see. Anything else is said. */
async function exists(client: Client, kind: string, id: string): Promise<boolean> {
  try {
    await client.actor(kind).get(id).history({ buckets: 1 });
    return true;
  } catch (error) {
    if (error instanceof DormouseError && error.code === Code.NotFound) return false;
    throw error;
  }
}
