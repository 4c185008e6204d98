/** `liap-tui` and `rate_limited` as `LiapTui` and `RateLimited`. */
export function pascal(name) {
  return name.split(/[-_]/).filter(Boolean).map((word) => word[0].toUpperCase() + word.slice(1)).join("");
}
