// History routes in forty lines: the host serves index.html for every path that it does not know.
import { type AnchorHTMLAttributes, type MouseEvent, useSyncExternalStore } from "react";

const listeners = new Set<() => void>();

function subscribe(fn: () => void): () => void {
  listeners.add(fn);
  addEventListener("popstate", fn);
  return () => {
    listeners.delete(fn);
    removeEventListener("popstate", fn);
  };
}

export const usePath = (): string => useSyncExternalStore(subscribe, () => location.pathname);

export function navigate(to: string): void {
  history.pushState(null, "", to);
  scrollTo(0, 0);
  for (const fn of listeners) fn();
}

/** The parts of a path, decoded; a part that cannot be decoded stays as it is. */
export const parts = (path: string): string[] =>
  path
    .split("/")
    .filter(Boolean)
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });

type LinkProps = AnchorHTMLAttributes<HTMLAnchorElement> & { to: string };

export function Link({ to, onClick, ...rest }: LinkProps) {
  function go(event: MouseEvent<HTMLAnchorElement>) {
    onClick?.(event);
    // A new tab, a download or a middle click is the browser's.
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    event.preventDefault();
    navigate(to);
  }
  return <a href={to} onClick={go} {...rest} />;
}
