// A guest who talks HTTP only: prepares rooms, and reads what the host itself holds.
import type { TodoCommand, TodoView } from "../../console/src/generated/todo.ts";

export interface Moment {
  position: string;
  etag: string;
  view: TodoView;
}

/** Requests under way at once while a long list is filled. */
const AT_ONCE = 16;

export class Guest {
  readonly #url: string;
  readonly #token: string;

  private constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  static async at(url: string, name: string): Promise<Guest> {
    const { token } = (await ask(`${url}/v1/guest`, "POST", undefined, { name })) as { token: string };
    return new Guest(url, token);
  }

  /** A list with these things on it; its id. */
  async list(title: string, things: readonly string[] = []): Promise<string> {
    const { id } = (await this.#ask("POST", "/v1/todo", { title })) as { id: string };
    for (const thing of things) await this.add(id, thing);
    return id;
  }

  add(id: string, title: string): Promise<unknown> {
    return this.send(id, { type: "add_todo", title });
  }

  /** Many, in no order. */
  async fill(id: string, count: number): Promise<void> {
    for (let from = 0; from < count; from += AT_ONCE) {
      const numbers = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, at) => from + at + 1);
      await Promise.all(numbers.map((number) => this.add(id, `Thing ${number}`)));
    }
  }

  /** From a new outbox of their own, as many pages of this guest would. */
  async fromOutboxes(id: string, count: number, command: TodoCommand): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      const { outbox } = (await this.#ask("GET", "/v1/me")) as { outbox: string };
      await this.#ask("POST", `/v1/todo/${id}/commands`, { command_id: `${outbox}:1`, command });
    }
  }

  send(id: string, command: TodoCommand): Promise<unknown> {
    return this.#ask("POST", `/v1/todo/${id}/commands`, { command });
  }

  see(id: string): Promise<Moment> {
    return this.#ask("GET", `/v1/todo/${id}`) as Promise<Moment>;
  }

  /** Whether every table of Liap Tui that this guest may see has left the host's memory. */
  async tablesSleep(): Promise<boolean> {
    const { rows } = (await this.#ask("GET", "/v1/liap-tui")) as { rows: { awake: boolean }[] };
    return rows.every(({ awake }) => !awake);
  }

  retire(id: string): Promise<unknown> {
    return this.#ask("DELETE", `/v1/todo/${id}`);
  }

  #ask(method: string, path: string, body?: unknown): Promise<unknown> {
    return ask(this.#url + path, method, this.#token, body);
  }
}

async function ask(url: string, method: string, token?: string, body?: unknown): Promise<unknown> {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
  const response = await fetch(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}
