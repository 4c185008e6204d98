// The time, for sentences like "14 seconds ago"; renders again every so often.
import { useEffect, useState } from "react";

export function useNow(every: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  // A parent may render between two ticks with something newer than the last tick.
  return Math.max(now, Date.now());
}
