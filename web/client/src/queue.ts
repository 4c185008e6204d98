/** What an async iterator has not taken yet. Views collapse to the newest; events are kept up to a bound. */
type Taker<U> = { resolve(result: IteratorResult<U>): void; reject(error: Error): void };

export class UpdateQueue<U> implements AsyncIterator<U> {
  readonly #collapse: boolean;
  readonly #weigh: (update: U) => number;
  readonly #limit: number;
  #updates: U[] = [];
  #weight = 0;
  #takers: Taker<U>[] = [];
  #end: { error: Error | null } | null = null;
  #onReturn: () => void = () => undefined;

  constructor(options: { collapse: boolean; weigh: (update: U) => number; limit: number }) {
    this.#collapse = options.collapse;
    this.#weigh = options.weigh;
    this.#limit = options.limit;
  }

  set onReturn(fn: () => void) {
    this.#onReturn = fn;
  }

  /** False if there is no room. The update was not taken then. */
  push(update: U): boolean {
    if (this.#end !== null) return true;
    const taker = this.#takers.shift();
    if (taker !== undefined) {
      taker.resolve({ done: false, value: update });
      return true;
    }
    if (this.#collapse) this.#updates = [];
    else if (this.#weight + this.#weigh(update) > this.#limit) return false;
    this.#updates.push(update);
    this.#weight += this.#weigh(update);
    return true;
  }

  /** What is held is still handed out; then the iteration ends, with this error if there is one. */
  end(error: Error | null): void {
    if (this.#end !== null) return;
    this.#end = { error };
    for (const taker of this.#takers.splice(0)) this.#finish(taker);
  }

  drain(): U[] {
    this.#weight = 0;
    return this.#updates.splice(0);
  }

  next(): Promise<IteratorResult<U>> {
    const update = this.#updates.shift();
    if (update !== undefined) {
      this.#weight -= this.#weigh(update);
      return Promise.resolve({ done: false, value: update });
    }
    return new Promise((resolve, reject) => {
      if (this.#end === null) this.#takers.push({ resolve, reject });
      else this.#finish({ resolve, reject });
    });
  }

  /** `break` out of a `for await`. */
  return(): Promise<IteratorResult<U>> {
    this.#onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }

  #finish(taker: Taker<U>): void {
    const error = this.#end?.error ?? null;
    if (error === null) taker.resolve({ done: true, value: undefined });
    else taker.reject(error);
  }
}
