/** Commands that an earlier page left in the outbox. Each waits here, answered or not, for the first who asks for those of its actor. */
import { safely } from "./session.js";
import type { Optimistic } from "./session/state.js";
import type { Restored } from "./types.js";

export type Taker = (restored: Restored<unknown>) => { optimistic?: Optimistic } | void;
interface Left {
  readonly key: number;
  readonly actor: string;
  readonly restored: Restored<unknown>;
}

export class LeftCommands {
  readonly #takers = new Set<{ actor: string; take: Taker }>();
  readonly #show: (key: number, optimistic: Optimistic) => void;
  #left: Left[] = [];

  constructor(show: (key: number, optimistic: Optimistic) => void) {
    this.#show = show;
  }

  add(key: number, actor: string, restored: Restored<unknown>): void {
    // Perhaps nobody will ask, and then nobody need hear of a refusal.
    restored.answer.catch(() => undefined);
    this.#left.push({ key, actor, restored });
    this.#handOver();
  }

  onRestored(actor: string, take: Taker): () => void {
    const taker = { actor, take };
    this.#takers.add(taker);
    this.#handOver();
    return () => void this.#takers.delete(taker);
  }

  /** They belong to somebody else than who is signed in now. */
  forget(): void {
    this.#left = [];
  }

  #handOver(): void {
    const takerOf = ({ actor }: Left): Taker | undefined => [...this.#takers].find((taker) => taker.actor === actor)?.take;
    const wanted = this.#left.filter((left) => takerOf(left) !== undefined);
    this.#left = this.#left.filter((left) => !wanted.includes(left));
    for (const left of wanted) {
      safely(() => {
        const optimistic = takerOf(left)?.(left.restored)?.optimistic;
        if (optimistic !== undefined) this.#show(left.key, optimistic);
      });
    }
  }
}
