import { compile } from "json-schema-to-typescript";
import { pascal } from "./names.mjs";

const OPTIONS = {
  additionalProperties: false,
  bannerComment: "",
  ignoreMinAndMaxItems: true,
  style: { printWidth: 120 },
};

/** One module for each kind, and one that maps kinds to their types: `[name, text]`. */
export async function kindFiles(schemas) {
  const kinds = Object.keys(schemas.kinds).sort();
  const modules = kinds.map(async (kind) => [`${kind}.ts`, await moduleOf(kind, schemas)]);
  return [...(await Promise.all(modules)), ["kinds.ts", mapOf(kinds)]];
}

/** `TodoConfig`, `TodoCommand`, `TodoView`, whatever they refer to, and `TodoTypes`, which holds all three for `createClient`. */
async function moduleOf(kind, { kinds, $defs }) {
  const definitions = structuredClone($defs);
  const properties = { event: { tsType: "unknown", description: "What the rules reveal has no schema." } };
  for (const part of ["config", "command", "view"]) {
    const name = pascal(kind) + pascal(part);
    nameRoot(definitions, kinds[kind][part], name);
    properties[part] = { $ref: `#/$defs/${name}` };
  }
  for (const [name, schema] of Object.entries(definitions)) schema.title = name;
  const title = `${pascal(kind)}Types`;
  const { config, command, event, view } = properties;
  const root = { title, type: "object", properties: { config, command, event, view }, required: Object.keys(properties), $defs: definitions };
  return compile(root, title, OPTIONS);
}

/** Let a kind's own type be called `name`, also where others refer to it. */
function nameRoot(definitions, schema, name) {
  const old = schema.$ref?.split("/").at(-1);
  if (old === name) return;
  if (definitions[name] !== undefined) throw new Error(`Another type is called ${name}: call it otherwise in Rust.`);
  // \`true\` stands for any JSON.
  definitions[name] = old === undefined ? (schema === true ? { tsType: "unknown" } : structuredClone(schema)) : definitions[old];
  if (old === undefined) return;
  delete definitions[old];
  rename(definitions, `#/$defs/${old}`, `#/$defs/${name}`);
}

function rename(value, from, to) {
  if (typeof value !== "object" || value === null) return;
  if (value.$ref === from) value.$ref = to;
  for (const inner of Object.values(value)) rename(inner, from, to);
}

function mapOf(kinds) {
  const imports = kinds.map((kind) => `import type { ${pascal(kind)}Types } from "./${kind}";\n`);
  const entries = kinds.map((kind) => `  ${JSON.stringify(kind)}: ${pascal(kind)}Types;\n`);
  return `/** Every kind of the app: \`createClient<Kinds>()\`. */\n${imports.join("")}\nexport type Kinds = {\n${entries.join("")}};\n`;
}
