/** The HTTP API: one function that asks, and the addresses that the client uses. */
import { DormouseError, faultOfWire, localFault, type Fault, type WireFault } from "./errors.js";

export interface Ask {
  readonly query?: Record<string, string | number | boolean | undefined>;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Null: without one. */
  readonly token: string | null;
}
export type Requester = (method: string, path: string, ask: Ask) => Promise<unknown>;
export type FetchLike = (url: string, init?: RequestInit) => Promise<Response>;

export function requester(fetch: FetchLike, endpoint: string): Requester {
  return async (method, path, ask) => {
    const response = await reach(() => fetch(endpoint + path + queryOf(ask.query), initOf(method, ask)));
    if (!response.ok) throw new DormouseError(await faultOfResponse(response));
    return reach(() => response.json());
  };
}

export function initOf(method: string, ask: Ask): RequestInit {
  const headers: Record<string, string> = { ...ask.headers };
  if (ask.token !== null) headers["authorization"] = `Bearer ${ask.token}`;
  if (ask.body === undefined) return { method, headers };
  headers["content-type"] = "application/json";
  return { method, headers, body: JSON.stringify(ask.body) };
}

export function queryOf(query: Ask["query"] = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs.map(([key, value]) => [key, String(value)])).toString()}`;
}

/** An answer without our error body comes from something between us and the host, so nothing is decided: it may be gone the next time. */
export async function faultOfResponse(response: Response): Promise<Fault> {
  try {
    const { error } = (await response.json()) as { error: WireFault };
    if (typeof error.code === "number" && typeof error.name === "string") return faultOfWire(error);
  } catch {
    // Falls through to what can be said without it.
  }
  return localFault("unexpected_answer", `The answer was HTTP ${response.status}.`, response.status === 401 ? "sign_in" : "retry");
}

async function reach<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const message = `The host could not be reached: ${error instanceof Error ? error.message : String(error)}`;
    throw new DormouseError(localFault("unreachable", message, "retry"));
  }
}
