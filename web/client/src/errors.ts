/** What a caller does next about a failure; the range of its code says it. */
export type KindOfError = "retry" | "resubscribe" | "sign_in" | "stop";

/** A failure as plain data: the session reducer works on these, and the public API throws `DormouseError`. */
export interface Fault {
  readonly code: number;
  readonly name: string;
  readonly message: string;
  readonly kind: KindOfError;
  readonly retryAfter?: number;
  readonly reason?: string;
  /** Where a subscription that ended can be resumed; of a command, the commit that keeps its refusal. */
  readonly position?: string;
}

/** The failure fields as they stand on the wire. */
export interface WireFault {
  readonly code: number;
  readonly name: string;
  readonly message: string;
  readonly retry_after?: number;
  readonly reason?: string;
  readonly position?: string;
}

/**
 * Classifies a code by its range. A number outside every range comes from a host newer than this client:
 * waiting and trying again is the only answer to it that loses nothing.
 */
export function kindOfCode(code: number): KindOfError {
  if (code >= 2000 && code < 3000) return "resubscribe";
  if (code >= 3000 && code < 4000) return "sign_in";
  if (code >= 4000 && code < 5000) return "stop";
  return "retry";
}

export function faultOfWire(wire: WireFault): Fault {
  return {
    code: wire.code,
    name: wire.name,
    message: wire.message,
    kind: kindOfCode(wire.code),
    ...(wire.retry_after === undefined ? {} : { retryAfter: wire.retry_after }),
    ...(wire.reason === undefined ? {} : { reason: wire.reason }),
    ...(wire.position === undefined ? {} : { position: wire.position }),
  };
}

/** The kind of a WebSocket close code: the host's own stand in groups of the HTTP status that they resemble. */
export function kindOfClose(close: number): KindOfError {
  if (close === 4401) return "sign_in";
  return close === 4400 || close === 4403 || close === 4404 ? "stop" : "retry";
}

/** A failure that the client itself found. It has code 0, because the numbers belong to hosts. */
export function localFault(name: string, message: string, kind: KindOfError): Fault {
  return { code: 0, name, message, kind };
}

export function faultOfUnknown(error: unknown): Fault {
  if (error instanceof DormouseError) return error.fault;
  const message = error instanceof Error ? error.message : String(error);
  return localFault("line_failed", message, "retry");
}

export class DormouseError extends Error {
  readonly code: number;
  readonly kindOfError: KindOfError;
  readonly retryAfter?: number;
  readonly reason?: string;
  readonly position?: string;
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
    this.name = fault.name;
    this.code = fault.code;
    this.kindOfError = fault.kind;
    if (fault.retryAfter !== undefined) this.retryAfter = fault.retryAfter;
    if (fault.reason !== undefined) this.reason = fault.reason;
    if (fault.position !== undefined) this.position = fault.position;
  }
}
