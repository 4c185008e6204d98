/**
 * Outboxes in storage: a numbered slot for each tab that is open at one time. A slot that nobody holds is
 * left from a closed tab; the next one to look takes it over, with the commands that still wait in it.
 */
import { SLOTS_MAX } from "../limits.js";
import type { Kept, KeptCommand, Outbox } from "../session/state.js";
import type { Held, Locks } from "./locks.js";
import { attempt, type StorageLike } from "./storage.js";

interface Record1 {
  readonly v: 1;
  readonly outbox: string | null;
  readonly next_n: number;
  readonly commands: readonly KeptCommand[];
}

export interface Slot {
  readonly kept: Kept | null;
  /** False if the slot is no longer this tab's. Written before anything is sent, so that no number is used twice. */
  save(outbox: Outbox): boolean;
  replace(kept: Kept): void;
  release(): void;
}

export class Outboxes {
  readonly #storage: StorageLike;
  readonly #locks: Locks;
  readonly #prefix: string;

  constructor(storage: StorageLike, locks: Locks, prefix: string) {
    this.#storage = storage;
    this.#locks = locks;
    this.#prefix = prefix;
  }

  /** A slot for this tab: one in which commands wait, before an empty one. Null if every slot is taken. */
  async take(): Promise<Slot | null> {
    const slots = [...Array(SLOTS_MAX).keys()];
    const waiting = slots.filter((slot) => this.#hasCommands(slot));
    for (const slot of [...waiting, ...slots.filter((it) => !waiting.includes(it))]) {
      const taken = await this.#take(slot);
      if (taken !== null) return taken;
    }
    return null;
  }

  /** The next slot in which commands wait and that nobody holds. */
  async takeOrphan(): Promise<Slot | null> {
    for (let slot = 0; slot < SLOTS_MAX; slot += 1) {
      const taken = this.#hasCommands(slot) ? await this.#take(slot) : null;
      if (taken !== null && taken.kept !== null && taken.kept.commands.length > 0) return taken;
      taken?.release();
    }
    return null;
  }

  async #take(slot: number): Promise<Slot | null> {
    const key = `${this.#prefix}:${slot}`;
    const held = await this.#locks.take(key).catch(() => null);
    return held === null ? null : new StoredSlot(this.#storage, key, held);
  }

  #hasCommands(slot: number): boolean {
    return (readKept(this.#storage, `${this.#prefix}:${slot}`)?.commands.length ?? 0) > 0;
  }
}

class StoredSlot implements Slot {
  readonly kept: Kept | null;
  readonly #storage: StorageLike;
  readonly #key: string;
  readonly #held: Held;

  constructor(storage: StorageLike, key: string, held: Held) {
    this.#storage = storage;
    this.#key = key;
    this.#held = held;
    this.kept = readKept(storage, key);
  }

  save(outbox: Outbox): boolean {
    if (!this.#held.isHeld()) return false;
    const waiting = outbox.commands.filter((command) => command.phase !== "accepted");
    const commands = waiting.map(({ n, actor, command, sends }) => ({ n, actor, command, sent: sends > 0 }));
    this.replace({ outbox: outbox.id, nextN: outbox.nextN, commands });
    return true;
  }

  replace(kept: Kept): void {
    const record: Record1 = { v: 1, outbox: kept.outbox, next_n: kept.nextN, commands: kept.commands };
    const write = (): boolean => (this.#storage.setItem(this.#key, JSON.stringify(record)), true);
    // Full. A record that is behind would lend its numbers out twice; none at all gets a new outbox.
    if (!attempt(write, false)) attempt(() => this.#storage.removeItem(this.#key), undefined);
  }

  release(): void {
    this.#held.release();
  }
}

/** What does not fit is as good as nothing: numbers taken from it could be used twice. */
function readKept(storage: StorageLike, key: string): Kept | null {
  const record = attempt(() => JSON.parse(storage.getItem(key) ?? "null") as Partial<Record1> | null, null);
  if (record?.v !== 1 || !isNumber(record.next_n) || !Array.isArray(record.commands)) return null;
  const { outbox = null, next_n: nextN, commands } = record;
  if (outbox !== null && typeof outbox !== "string") return null;
  return commands.every((it) => isKeptCommand(it) && it.n < nextN) ? { outbox, nextN, commands } : null;
}

function isKeptCommand(value: unknown): value is KeptCommand {
  const { n, actor, command } = (value ?? {}) as Partial<KeptCommand>;
  return isNumber(n) && typeof actor === "string" && command !== undefined;
}

function isNumber(n: unknown): n is number {
  return Number.isSafeInteger(n) && (n as number) > 0;
}
