import { faultOfUnknown, kindOfClose, localFault, type Fault } from "../errors.js";
import { decodeServerFrame, parseJson } from "../frames.js";
import type { Hooks, Transport } from "./transport.js";

/** As much of a WebSocket as the client uses; browsers, Node 22 and the `ws` package have it. */
export interface SocketLike {
  readonly readyState: number;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(text: string): void;
  close(code?: number): void;
}
export type SocketConstructor = new (url: string, protocols?: string | string[]) => SocketLike;

const SUBPROTOCOL = "dormouse.v1";
const OPEN = 1;

export function socketUrl(endpoint: string): string {
  return `${endpoint.replace(/^http/, "ws")}/v1/connect`;
}

export function dialSocket(Socket: SocketConstructor, address: string, hooks: Hooks): Transport {
  const socket = new Socket(address, SUBPROTOCOL);
  let opened = false;
  let over = false;
  const drop = (fault: Fault | null): void => {
    if (over) return;
    over = true;
    socket.close();
    hooks.dropped(fault, !opened);
  };
  socket.onopen = () => {
    if (over) return;
    opened = true;
    hooks.opened();
  };
  socket.onmessage = (event: { data: unknown }) => {
    if (over) return;
    try {
      const frame = decodeServerFrame(parseJson(String(event.data)));
      if (frame !== null) hooks.frame(frame);
    } catch (error) {
      drop(faultOfUnknown(error));
    }
  };
  // A close always follows an error, and says more.
  socket.onerror = () => undefined;
  socket.onclose = (event: { code: number; reason: string }) => drop(faultOfClose(event.code, event.reason));
  return {
    send(frame) {
      if (!over && socket.readyState === OPEN) socket.send(JSON.stringify(frame));
    },
    close() {
      over = true;
      socket.close(1000);
    },
  };
}

function faultOfClose(code: number, reason: string): Fault {
  const message = reason === "" || reason === undefined ? `The connection closed (${code}).` : reason;
  return localFault("line_closed", message, kindOfClose(code));
}

/** Tells whether a socket opens at all, and hangs up at once. */
export function probeSocket(Socket: SocketConstructor, endpoint: string, done: (opens: boolean) => void): void {
  const socket = new Socket(socketUrl(endpoint), SUBPROTOCOL);
  let told = false;
  const tell = (opens: boolean): void => {
    if (!told) done(opens);
    told = true;
  };
  socket.onopen = () => {
    tell(true);
    socket.close(1000);
  };
  socket.onmessage = null;
  socket.onerror = () => undefined;
  socket.onclose = () => tell(false);
}
