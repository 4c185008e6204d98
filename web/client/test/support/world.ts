/** A browser's worth of surroundings, without a browser: a clock to turn by hand, storage, sockets, a host. */
import type { Clock } from "../../src/clock.js";
import type { ClientFrame, ServerFrame } from "../../src/frames.js";
import type { StorageLike } from "../../src/storage/storage.js";

interface Timer {
  readonly at: number;
  readonly fn: () => void;
  readonly order: number;
}

export class FakeClock implements Clock {
  #now = 1_000_000;
  #timers: Timer[] = [];
  #order = 0;

  now(): number {
    return this.#now;
  }
  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), fn, order: this.#order++ };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }
  /** Lets time pass, timer by timer, with everything that promises do in between. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const due = this.#next(end);
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = Math.max(this.#now, due.at);
      due.fn();
      await settle();
    }
    this.#now = end;
  }
  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > end || (first !== undefined && (first.at < timer.at || (first.at === timer.at && first.order < timer.order)))) continue;
      first = timer;
    }
    return first;
  }
}

/** Enough turns of the microtask queue for the longest chain of promises that the client has. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 80; turn += 1) await Promise.resolve();
}

export class MemoryStorage implements StorageLike {
  readonly map = new Map<string, string>();
  full = false;

  getItem(key: string): string | null {
    return this.map.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    if (this.full) throw new Error("QuotaExceededError");
    this.map.set(key, value);
  }
  removeItem(key: string): void {
    this.map.delete(key);
  }
}

/** A small seeded generator (mulberry32), so that a failing seed can be run again. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface FakeSocket {
  readyState: number;
  onopen: ((event: unknown) => unknown) | null;
  onmessage: ((event: { data: unknown }) => unknown) | null;
  onclose: ((event: { code: number; reason: string }) => unknown) | null;
  onerror: ((event: unknown) => unknown) | null;
  send(text: string): void;
  close(code?: number): void;
}
export type FakeSocketConstructor = new (url: string, protocols?: string | string[]) => FakeSocket;

/** What a host sees of one socket. */
export interface Wire {
  push(frame: ServerFrame): void;
  cut(code?: number): void;
}
export interface SocketHost {
  readonly clock: FakeClock;
  /** False: sockets do not open at this address. */
  reachable(url: string): boolean;
  onFrame(wire: Wire, frame: ClientFrame): void;
  onGone(wire: Wire): void;
}

const LATENCY_MS = 2;

export function socketsOf(host: SocketHost): FakeSocketConstructor {
  return class implements FakeSocket {
    readyState = 0;
    onopen: FakeSocket["onopen"] = null;
    onmessage: FakeSocket["onmessage"] = null;
    onclose: FakeSocket["onclose"] = null;
    onerror: FakeSocket["onerror"] = null;
    readonly #wire: Wire = {
      push: (frame) => {
        const data = JSON.stringify(frame);
        host.clock.after(LATENCY_MS, () => void (this.readyState === 1 && this.onmessage?.({ data })));
      },
      cut: (code = 1006) => this.#end(code),
    };

    constructor(url: string) {
      host.clock.after(LATENCY_MS, () => {
        if (this.readyState !== 0) return;
        if (!host.reachable(url)) return this.#end(1006);
        this.readyState = 1;
        this.onopen?.({});
      });
    }
    send(text: string): void {
      const frame = JSON.parse(text) as ClientFrame;
      host.clock.after(LATENCY_MS, () => void (this.readyState !== 3 && host.onFrame(this.#wire, frame)));
    }
    /** What was sent before still arrives. */
    close(): void {
      if (this.readyState < 2) host.clock.after(LATENCY_MS, () => this.#end(1000));
      this.readyState = Math.max(this.readyState, 2);
    }
    #end(code: number): void {
      if (this.readyState === 3) return;
      this.readyState = 3;
      host.onGone(this.#wire);
      queueMicrotask(() => this.onclose?.({ code, reason: "" }));
    }
  };
}

export function tokenFor(sub: string): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "HS256" })}.${part({ sub, name: sub })}.c2ln`;
}
