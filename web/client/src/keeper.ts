/** Keeps this tab's outbox in storage, and brings home what closed tabs left in theirs. */
import { Code } from "./codes.js";
import { DormouseError } from "./errors.js";
import type { Requester } from "./http.js";
import type { Kept, KeptCommand, Outbox } from "./session/state.js";
import type { Locks } from "./storage/locks.js";
import { Outboxes, type Slot } from "./storage/outboxes.js";
import type { StorageLike } from "./storage/storage.js";

export class Keeper {
  readonly #storage: StorageLike;
  readonly #locks: Locks;
  readonly #prefix: string;
  #owner: string | null = null;
  #outboxes: Outboxes | null = null;
  #slot: Slot | null = null;
  #owning: Promise<unknown> = Promise.resolve();
  #sweeping = false;
  #ended = false;

  constructor(storage: StorageLike, locks: Locks, prefix: string) {
    this.#storage = storage;
    this.#locks = locks;
    this.#prefix = prefix;
  }

  /** Takes a slot of this owner. Undefined if it holds one already, so that nothing is to be adopted. */
  own(owner: string): Promise<Kept | null | undefined> {
    // One at a time: a connect that was given up may still be at it, and would hold a slot for nobody.
    const owned = this.#owning.then(() => this.#own(owner));
    this.#owning = owned.catch(() => undefined);
    return owned;
  }

  /** False if another tab took the slot; then this one takes a new slot at its next connect. */
  save(outbox: Outbox): boolean {
    if (this.#slot === null || this.#slot.save(outbox)) return true;
    this.#slot = null;
    this.#owner = null;
    return false;
  }

  /**
   * Sends what waits in the outboxes of closed tabs, under the ids that it has, by HTTP: those ids belong to
   * another outbox than this connection's. Commands that never got an outbox come back to become our own, and so do
   * those that were sent now for the first time and count as too old.
   */
  async sweep(request: Requester, token: string): Promise<readonly KeptCommand[]> {
    if (this.#sweeping || this.#outboxes === null) return [];
    this.#sweeping = true;
    try {
      const orphan = await this.#outboxes.takeOrphan();
      return orphan === null ? [] : await drain(orphan, request, token);
    } finally {
      this.#sweeping = false;
    }
  }

  end(): void {
    this.#ended = true;
    this.#slot?.release();
    this.#slot = null;
    this.#owner = null;
  }

  async #own(owner: string): Promise<Kept | null | undefined> {
    if (this.#owner === owner) return undefined;
    this.#slot?.release();
    this.#slot = null;
    const outboxes = new Outboxes(this.#storage, this.#locks, `${this.#prefix}:${owner}`);
    const slot = await outboxes.take();
    if (this.#ended) {
      slot?.release();
      return null;
    }
    [this.#owner, this.#outboxes, this.#slot] = [owner, outboxes, slot];
    return slot?.kept ?? null;
  }
}

async function drain(orphan: Slot, request: Requester, token: string): Promise<readonly KeptCommand[]> {
  const kept = orphan.kept as Kept;
  try {
    if (kept.outbox === null) {
      orphan.replace({ ...kept, commands: [] });
      return kept.commands.filter((command) => !command.sent);
    }
    const unheard: KeptCommand[] = [];
    for (let at = 0; at < kept.commands.length; at += 1) {
      const command = kept.commands[at] as KeptCommand;
      const end = await post(kept.outbox, command, request, token);
      if (end === "later") break;
      if (end === "unheard") unheard.push(command);
      orphan.replace({ ...kept, commands: kept.commands.slice(at + 1) });
    }
    return unheard;
  } finally {
    orphan.release();
  }
}

/** `unheard`: it was not carried out, and under this id it never will be. */
async function post(outbox: string, kept: KeptCommand, request: Requester, token: string): Promise<"decided" | "unheard" | "later"> {
  const body = { command_id: `${outbox}:${kept.n}`, command: kept.command };
  try {
    await request("POST", `/v1/${kept.actor}/commands`, { token, body });
    return "decided";
  } catch (error) {
    const fault = error instanceof DormouseError ? error.fault : null;
    if (fault === null || fault.kind !== "stop") return "later";
    return fault.code === Code.IdempotencyMismatch || (fault.code === Code.UnknownCommandAge && !kept.sent) ? "unheard" : "decided";
  }
}
