// The real binary on a folder of its own: started, stopped, killed and started again at the same address.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "@playwright/test";
import { Guest } from "./guest.ts";

const BINARY = process.env["ARCADE"] ?? fileURLToPath(new URL("../../../target/debug/arcade", import.meta.url));
const START_MS = 20_000;

/** What serves: one process with a folder, or the shape of AWS on this machine, beside emulators that were started before. */
export type Shape = "serve" | "cloud";

export class Host {
  readonly port: number;
  readonly shape: Shape;
  readonly #data: string;
  #process: ChildProcess | null = null;
  #log = "";

  private constructor(shape: Shape, port: number, data: string) {
    this.shape = shape;
    this.port = port;
    this.#data = data;
  }

  static async start(shape: Shape): Promise<Host> {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is missing: cargo build -p arcade makes it`);
    const host = new Host(shape, await freePort(), await mkdtemp(join(tmpdir(), "dormouse-e2e-")));
    await host.up();
    return host;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What the host wrote on its log, for the report of a failed test. */
  get log(): string {
    return this.#log;
  }

  async up(env: Record<string, string> = {}): Promise<void> {
    const port = ["--port", String(this.port)];
    // The folder's name is nobody else's: so are the tables.
    const options = {
      serve: ["serve", ...port, "--data", this.#data],
      cloud: ["dev", "--cloud", ...port, "--tables", basename(this.#data).toLowerCase()],
    };
    const child = spawn(BINARY, options[this.shape], {
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: what it started dies with it, frozen or not.
      detached: true,
      env: { ...process.env, ...env },
    });
    this.#process = child;
    child.stderr.on("data", (chunk: Buffer) => (this.#log += chunk.toString()));
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`the host did not start: ${why}\n${this.#log}`));
      const late = setTimeout(() => fail("it is not listening"), START_MS);
      child.once("error", (error) => fail(error.message));
      child.once("exit", (code) => fail(`it ended with ${code}`));
      // The address on the standard output says that it listens.
      child.stdout.once("data", () => {
        clearTimeout(late);
        child.removeAllListeners("exit");
        resolve();
      });
    });
  }

  /** As an operator stops it: it says goodbye, commits what is under way, and ends. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** It takes what is sent and does nothing, until it is killed. */
  freeze(): void {
    if (this.#process !== null) signal(this.#process, "SIGSTOP");
  }

  /** As a power cut ends it. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Every room sleeps after it. */
  async restart(): Promise<void> {
    await this.stop();
    await this.up();
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#data, { recursive: true, force: true });
  }

  /** `arcade verify` says so of this folder; the host must not be running. What is on DynamoDB it does not read. */
  async verified(wanted: { actors: number; commits?: number }): Promise<void> {
    if (this.shape === "serve") expect(await this.#verify()).toMatchObject({ ...wanted, failures: [] });
  }

  async #verify(): Promise<unknown> {
    const { stdout } = await promisify(execFile)(BINARY, ["verify", "--json", "--data", this.#data]);
    return JSON.parse(stdout) as unknown;
  }

  /** Somebody who talks HTTP, beside the browsers. */
  guest(name: string): Promise<Guest> {
    return Guest.at(this.url, name);
  }

  async #end(name: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    signal(child, name);
    await ended;
  }
}

/** To the process; what ends or stops it at once, to all that it started, too. */
function signal(child: ChildProcess, name: "SIGSTOP" | "SIGTERM" | "SIGKILL"): void {
  if (child.pid !== undefined) process.kill(name === "SIGTERM" ? child.pid : -child.pid, name);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port is free");
  return address.port;
}
