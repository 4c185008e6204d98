/**
 * Who owns an outbox. Two implementations: the browser's own locks, which end with their tab, and leases
 * in storage, for pages without a secure origin, where browsers offer no locks.
 */
import { wait, type Clock } from "../clock.js";
import { attempt, type StorageLike } from "./storage.js";

export interface Held {
  /** False once somebody else took it: a lease ran out while this tab was frozen. */
  isHeld(): boolean;
  release(): void;
}
export interface Locks {
  /** Null if somebody else holds it. Never waits for them. */
  take(name: string): Promise<Held | null>;
}

interface BrowserLocks {
  request(name: string, options: { ifAvailable: true }, fn: (lock: unknown) => unknown): Promise<unknown>;
}

/** Longer than browsers ever delay the timers of a hidden tab (one minute). */
const LEASE_MS = 150_000;
const RENEW_MS = 20_000;
/** Two tabs that write at the same moment: the later write wins, and both see who that was after this. */
const SETTLE_MS = 50;

export function locksOf(storage: StorageLike, clock: Clock, random: () => number): Locks {
  const { locks } = (typeof navigator === "undefined" ? {} : navigator) as { locks?: BrowserLocks };
  return locks === undefined ? leases(storage, clock, random) : webLocks(locks);
}

export function webLocks(locks: BrowserLocks): Locks {
  return {
    take: (name) =>
      new Promise((resolve, reject) => {
        const held = (lock: unknown): Promise<void> | undefined => {
          if (lock === null) return void resolve(null);
          return new Promise<void>((release) => resolve({ isHeld: () => true, release }));
        };
        locks.request(name, { ifAvailable: true }, held).catch(reject);
      }),
  };
}

export function leases(storage: StorageLike, clock: Clock, random: () => number): Locks {
  return {
    async take(name) {
      const key = `${name}:lease`;
      const me = `${clock.now().toString(36)}-${Math.floor(random() * 2 ** 52).toString(36)}`;
      const holder = readLease(storage, key);
      if (holder !== null && holder.until > clock.now()) return null;
      writeLease(storage, key, me, clock.now());
      await wait(clock, SETTLE_MS);
      if (readLease(storage, key)?.by !== me) return null;
      return keepLease(storage, clock, key, me);
    },
  };
}

function keepLease(storage: StorageLike, clock: Clock, key: string, me: string): Held {
  // Only its holder takes a lease away: one that is missing was cleared with the whole storage, and is written again.
  const isHeld = (): boolean => attempt(() => (readLease(storage, key)?.by ?? me) === me, true);
  let cancel = (): void => undefined;
  const renew = (): void => {
    if (!isHeld()) return;
    attempt(() => writeLease(storage, key, me, clock.now()), undefined);
    cancel = clock.after(RENEW_MS, renew);
  };
  renew();
  return {
    isHeld,
    release() {
      cancel();
      if (isHeld()) attempt(() => storage.removeItem(key), undefined);
    },
  };
}

function readLease(storage: StorageLike, key: string): { by: string; until: number } | null {
  const [by, until] = (storage.getItem(key) ?? "").split("|");
  return by === undefined || by === "" ? null : { by, until: Number(until) };
}

function writeLease(storage: StorageLike, key: string, by: string, now: number): void {
  storage.setItem(key, `${by}|${now + LEASE_MS}`);
}
