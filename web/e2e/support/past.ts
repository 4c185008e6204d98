// A past for the pictures: the real host makes the rooms, under a clock that is set back (libfaketime) and comes forward.
import { mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class Past {
  readonly #folder: string;
  readonly #library: string;

  private constructor(folder: string, library: string) {
    this.#folder = folder;
    this.#library = library;
  }

  static async open(): Promise<Past> {
    const past = new Past(await mkdtemp(join(tmpdir(), "dormouse-past-")), await library());
    await past.is(24 * 10);
    return past;
  }

  /** What a host is started with to live in it. Only the time of day is moved, not what timers run on. */
  get env(): Record<string, string> {
    return {
      LD_PRELOAD: this.#library,
      FAKETIME_TIMESTAMP_FILE: join(this.#folder, "clock"),
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }

  /** From now on it is so many hours ago. */
  async is(hoursAgo: number): Promise<void> {
    const next = join(this.#folder, "next");
    await writeFile(next, `-${Math.round(hoursAgo * 3600)}s`);
    await rename(next, join(this.#folder, "clock"));
  }

  close(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }
}

async function library(): Promise<string> {
  for (const name of await readdir("/usr/lib").catch(() => [])) {
    const path = `/usr/lib/${name}/faketime`;
    if ((await readdir(path).catch(() => [] as string[])).includes("libfaketime.so.1")) return `${path}/libfaketime.so.1`;
  }
  throw new Error("The pictures need libfaketime, which gives their rooms a past: apt-get install faketime.");
}
