// Light or dark: the system's choice until somebody presses the button, then theirs, remembered.
import { recall, remember } from "./memory";

const KEY = "dormouse.theme";

export function applyTheme(): void {
  const kept = recall(KEY);
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
}

export function toggleTheme(): void {
  const root = document.documentElement;
  const now = root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  remember(KEY, root.dataset.theme);
}
