export { DormouseProvider, useClient, type DormouseProviderProps } from "./provider.js";
export type { AppKinds, Register } from "./kinds.js";
export { useStatus } from "./status.js";
export { useActor, type Actor } from "./actor.js";
export { useList, type List } from "./list.js";
