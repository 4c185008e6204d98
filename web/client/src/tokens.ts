/** Where tokens come from: the application's own function, or a guest's token kept in storage. */
import type { Principal } from "./frames.js";
import type { Requester } from "./http.js";
import type { StorageLike } from "./storage/storage.js";

export interface TokenSource {
  /** Called at every connect. `fresh` says that a host refused the last one. */
  get(fresh: boolean): Promise<string>;
}

interface Guest {
  readonly token: string;
}

export function tokensOf(token: () => string | Promise<string>): TokenSource {
  return { get: async () => token() };
}

export function guestTokens(
  request: Requester, storage: StorageLike | null, key: string, name: string | undefined,
): TokenSource {
  let held: Guest | null = null;
  let asking: Promise<Guest> | null = null;
  const ask = async (known: Guest | null, refused: boolean): Promise<Guest> => {
    const body = name === undefined ? {} : { name };
    const guest = (await request("POST", "/v1/guest", { body, token: null })) as Guest;
    // Two tabs that start together would each become a guest; the second one takes the first one's token.
    const other = readGuest(storage, key);
    if (other !== null && !refused && other.token !== known?.token) return other;
    write(storage, key, JSON.stringify(guest));
    return guest;
  };
  return {
    async get(fresh) {
      const known = readGuest(storage, key) ?? held;
      const refused = fresh && known?.token === held?.token;
      // Only the host says that a token has expired: by a clock that is wrong here, every connect would be another guest.
      const good = known !== null && !refused;
      // A connect and an HTTP request that start together become one guest, not two.
      held = good ? known : await (asking ??= ask(known, refused).finally(() => (asking = null)));
      return held.token;
    },
  };
}

/** The claims as the token states them. Nothing is verified: that is the host's part, and here they only name keys. */
export function principalOf(token: string): Principal | null {
  try {
    const payload = (token.split(".")[1] as string).replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (char) => char.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    if (typeof claims["sub"] !== "string") return null;
    const roles = Array.isArray(claims["roles"]) ? claims["roles"].map(String) : [];
    return { id: claims["sub"], name: typeof claims["name"] === "string" ? claims["name"] : claims["sub"], roles };
  } catch {
    return null;
  }
}

function readGuest(storage: StorageLike | null, key: string): Guest | null {
  try {
    const guest = JSON.parse(storage?.getItem(key) ?? "null") as Guest | null;
    return typeof guest?.token === "string" ? guest : null;
  } catch {
    return null;
  }
}

function write(storage: StorageLike | null, key: string, text: string): void {
  try {
    storage?.setItem(key, text);
  } catch {
    // Full or forbidden storage: the guest lives as long as this page.
  }
}
