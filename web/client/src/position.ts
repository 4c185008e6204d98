/** A position is `epoch:seq:tag`. Two positions of one actor compare by epoch, then seq; the tag is the host's affair. */
export interface Place {
  readonly epoch: number;
  readonly seq: number;
}

export const START = "1:0:0000000000000000";

const SHAPE = /^(\d{1,15}):(\d{1,15}):([0-9a-f]{16})$/;

export function isPosition(text: string): boolean {
  return SHAPE.test(text);
}

export function placeOf(position: string): Place {
  const parts = SHAPE.exec(position);
  if (parts === null) throw new TypeError(`not a position: ${position}`);
  return { epoch: Number(parts[1]), seq: Number(parts[2]) };
}

export function comparePositions(a: string, b: string): number {
  const [left, right] = [placeOf(a), placeOf(b)];
  return left.epoch - right.epoch || left.seq - right.seq;
}

/** How many commits lie between two positions, or null where the two are of different histories. */
export function commitsBetween(from: string, to: string): number | null {
  const [left, right] = [placeOf(from), placeOf(to)];
  return left.epoch === right.epoch ? Math.max(0, right.seq - left.seq) : null;
}
