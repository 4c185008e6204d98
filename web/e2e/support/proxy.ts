// What stands between a browser and a host in some offices: it forwards HTTP, knows nothing of WebSockets, and can be cut.
import { createServer, request, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export class Proxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #cut = false;
  /** Sockets that the page asked for. */
  upgrades = 0;

  private constructor(target: string) {
    this.#server = createServer((from, to) => {
      const { method, headers } = from;
      const onward = request(target + (from.url ?? "/"), { method, headers }, (answer) => {
        to.writeHead(answer.statusCode ?? 502, answer.headers);
        to.flushHeaders();
        answer.pipe(to);
      });
      onward.on("error", () => to.destroy());
      to.on("close", () => onward.destroy());
      from.pipe(onward);
    });
    this.#server.on("upgrade", (_, socket) => {
      this.upgrades += 1;
      socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    });
    this.#server.on("connection", (socket) => {
      if (this.#cut) return socket.destroy();
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      return undefined;
    });
  }

  static async to(target: string): Promise<Proxy> {
    const proxy = new Proxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Every line breaks, and no new one comes through until `mend`. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#cut = false;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
