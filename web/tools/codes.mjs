import { pascal } from "./names.mjs";

/** The table of codes as a module of the client. */
export function codesFile({ codes }) {
  const members = codes.map(({ code, name, meaning }) => `  /** ${comment(meaning)} */\n  ${pascal(name)}: ${code},\n`);
  const rows = codes.map(({ code, name, action, meaning }) => {
    const fields = { code, name, action: action.replace(" ", "_"), meaning };
    return `  { ${Object.entries(fields).map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(", ")} },\n`;
  });
  const names = codes.map(({ name }) => `  | ${JSON.stringify(name)}`);
  return `/** The numbers of docs/codes.md. A host newer than this client may send others: go by their range then, see \`kindOfCode\`. */
import type { KindOfError } from "./errors.js";

export const Code = {
${members.join("")}} as const;
export type Code = (typeof Code)[keyof typeof Code];

export type CodeName =
${names.join("\n")};

export interface CodeRow {
  readonly code: Code;
  readonly name: CodeName;
  readonly action: KindOfError;
  readonly meaning: string;
}

export const CODES: readonly CodeRow[] = [
${rows.join("")}];
`;
}

function comment(text) {
  return text.replaceAll("*/", "*\\/");
}
