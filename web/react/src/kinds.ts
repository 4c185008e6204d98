import type { Kinds } from "@dormouse/client";

/**
 * What the hooks know of an application's kinds. It says them once, and every hook is typed by the kind it is given:
 * `declare module "@dormouse/react" { interface Register { kinds: Kinds } }`.
 */
export interface Register {}

export type AppKinds = Register extends { kinds: infer K extends Kinds } ? K : Kinds;
