// One window on one list, in the words of the page: what can be pressed there and what can be read.
import type { Locator, Page } from "@playwright/test";

export interface Row {
  title: string;
  done: boolean;
  waiting: boolean;
}

export class List {
  readonly page: Page;
  readonly plate: Locator;
  readonly field: Locator;
  readonly rows: Locator;
  readonly status: Locator;
  readonly slider: Locator;

  constructor(page: Page, plate = "This device") {
    this.page = page;
    this.plate = page.getByRole("region", { name: plate });
    this.field = this.plate.getByRole("textbox", { name: "Add something" });
    this.rows = this.plate.locator("[data-id]");
    this.status = this.plate.getByTestId("status");
    this.slider = page.getByRole("slider", { name: "Position in history" });
  }

  row(title: string): Locator {
    return this.rows.filter({ has: this.page.getByRole("checkbox", { name: title, exact: true }) });
  }

  tick(title: string): Locator {
    return this.row(title).getByRole("checkbox");
  }

  person(words: string | RegExp): Locator {
    return this.page.getByRole("list", { name: "Who is here" }).getByRole("listitem").filter({ hasText: words });
  }

  /** What the plate says under its name: that it caught up, that it keeps everything. */
  get note(): Locator {
    return this.plate.locator("header p");
  }

  get position(): Locator {
    return this.plate.getByTestId("position");
  }

  async add(...titles: string[]): Promise<void> {
    for (const title of titles) {
      await this.field.fill(title);
      await this.field.press("Enter");
    }
  }

  async rename(from: string, to: string): Promise<void> {
    await this.row(from).getByRole("button", { name: `Change ${from}` }).dblclick();
    const field = this.plate.getByRole("textbox", { name: `New text for ${from}` });
    await field.fill(to);
    await field.press("Enter");
  }

  async remove(title: string): Promise<void> {
    await this.row(title).hover();
    await this.row(title).getByRole("button", { name: `Delete ${title}` }).click();
  }

  pullThePlug(): Promise<void> {
    return this.plate.getByRole("button", { name: "Pull the plug" }).click();
  }

  plugBackIn(): Promise<void> {
    return this.plate.getByRole("button", { name: "Plug back in" }).click();
  }

  /** Everything on the plate, at one moment. */
  read(): Promise<Row[]> {
    return this.rows.evaluateAll((rows) =>
      rows.map((row) => ({
        title: row.querySelector("[role=checkbox]")?.getAttribute("aria-label") ?? "",
        done: row.querySelector("[role=checkbox]")?.getAttribute("aria-checked") === "true",
        waiting: row.querySelector(".badge--wait") !== null,
      })),
    );
  }

  async titles(): Promise<string[]> {
    return (await this.read()).map((row) => row.title);
  }

  async waiting(): Promise<string[]> {
    return (await this.read()).filter((row) => row.waiting).map((row) => row.title);
  }
}
