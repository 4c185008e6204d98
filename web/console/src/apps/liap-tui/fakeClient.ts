// A client without a host, for tests of pages: it shows the rows and the table that a test sets, and keeps what it was asked.
import type { LiapTuiCommand, LiapTuiConfig, LiapTuiView } from "../../generated/liap-tui";
import type { Client, Row } from "../../sdk";

export type Asked = [what: "create", config: LiapTuiConfig] | [what: string, command: LiapTuiCommand];

const QUIET = { status: "live", position: null, pending: [], here: [], error: null, resumed: null, next: undefined };

export class FakeTables {
  rows: readonly Row[] | undefined = [];
  mine: readonly Row[] = [];
  /** Configurations of tables that were made, and commands by the table that they went to, in order. */
  readonly asked: Asked[] = [];
  /** What the host says to everything, until it is set back. */
  refusal: Error | undefined;
  private view: LiapTuiView | undefined;
  private readonly watchers = new Set<() => void>();
  private readonly ears = new Set<(note: object) => void>();
  readonly client: Client;

  constructor(me = "me") {
    const kind = {
      create: async (config: LiapTuiConfig) => this.table(await this.ask("new", ["create", config])),
      get: (id: string) => this.table(id),
      watch: ({ mine }: { mine?: boolean } = {}) => this.feed(() => ({ rows: mine ? this.mine : this.rows })),
    };
    const client = { status: "live", principal: { id: me, name: me, roles: [] }, actor: () => kind, onChange: () => () => {} };
    this.client = client as unknown as Client;
  }

  show(view: LiapTuiView) {
    this.view = view;
    for (const fn of this.watchers) fn();
  }

  hear(from: { id: string; name: string }, signal: unknown) {
    for (const fn of this.ears) fn({ from, signal });
  }

  private async ask(answer: string, asked: Asked): Promise<string> {
    this.asked.push(asked);
    if (this.refusal) throw this.refusal;
    return answer;
  }

  private table(id: string) {
    return {
      id,
      send: (command: LiapTuiCommand) => this.ask(id, [id, command]),
      subscribe: () => this.feed(() => ({ view: this.view })),
      onSignal: (fn: (note: object) => void) => (this.ears.add(fn), () => void this.ears.delete(fn)),
      at: async () => ({ view: this.view }),
      history: () => new Promise(() => {}),
    };
  }

  /** What a subscription shows is read anew each time, since a test may have set something else. */
  private feed<T extends object>(face: () => T) {
    const onChange = (fn: () => void) => (this.watchers.add(fn), () => void this.watchers.delete(fn));
    const facts = { get: (_: object, name: string) => ({ ...QUIET, ...face(), onChange, close() {} })[name as never] };
    return new Proxy({}, facts);
  }
}
