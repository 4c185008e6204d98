// One drawer of a browser's storage for each client: two devices in one page keep their tokens and outboxes apart.

/** In memory, for browsers that have no storage and for tests. */
export function memoryStorage(): Storage {
  const map = new Map<string, string>();
  return {
    get length() {
      return map.size;
    },
    key: (i) => [...map.keys()][i] ?? null,
    getItem: (key) => map.get(key) ?? null,
    setItem: (key, value) => void map.set(key, String(value)),
    removeItem: (key) => void map.delete(key),
    clear: () => map.clear(),
  };
}

export function drawer(storage: Storage, name: string): Storage {
  const mine = () =>
    Array.from({ length: storage.length }, (_, i) => storage.key(i)!).filter((key) => key.startsWith(name));
  return {
    get length() {
      return mine().length;
    },
    key: (i) => mine()[i]?.slice(name.length) ?? null,
    getItem: (key) => storage.getItem(name + key),
    setItem: (key, value) => storage.setItem(name + key, value),
    removeItem: (key) => storage.removeItem(name + key),
    clear: () => mine().forEach((key) => storage.removeItem(key)),
  };
}

/** The browser's, or memory where it is forbidden (reading `localStorage` itself may throw). */
export function browserStorage(which: "localStorage" | "sessionStorage"): Storage {
  try {
    return window[which];
  } catch {
    return memoryStorage();
  }
}
