/** Where a host's sockets are: at the host, or at another address, where a ticket opens one. */
import { faultOfUnknown } from "./errors.js";
import type { Requester } from "./http.js";
import { attempt, type StorageLike } from "./storage/storage.js";

export class Ways {
  readonly #request: Requester;
  readonly #storage: StorageLike | null;
  readonly #key: string;

  constructor(request: Requester, storage: StorageLike | null, key: string) {
    this.#request = request;
    this.#storage = storage;
    this.#key = key;
  }

  /** As an earlier page found it, so that not every page begins with a socket that does not open. */
  get byTicket(): boolean {
    return attempt(() => this.#storage?.getItem(this.#key) === "ticket", false);
  }

  keep(byTicket: boolean): void {
    // Where it cannot be kept, the next page finds out by itself.
    attempt(() => (byTicket ? this.#storage?.setItem(this.#key, "ticket") : this.#storage?.removeItem(this.#key)), undefined);
  }

  /** Opens one socket, soon. Null if sockets are at the host, or if it knows of no tickets. */
  async ask(token: string): Promise<string | null> {
    try {
      const { ticket, url } = (await this.#request("POST", "/v1/ticket", { token })) as { ticket: string; url?: string };
      if (typeof url !== "string") return null;
      const address = new URL(url);
      address.searchParams.set("token", ticket);
      return address.href;
    } catch (error) {
      if (faultOfUnknown(error).kind === "stop") return null;
      throw error;
    }
  }
}
