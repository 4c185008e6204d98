// A position is `epoch:seq:tag`. People read the first two; the tag is for machines.

export interface Place {
  epoch: number;
  seq: number;
}

export function place(position: string): Place {
  const [epoch, seq] = position.split(":");
  return { epoch: Number(epoch), seq: Number(seq) };
}

export const short = (position: string): string => position.split(":").slice(0, 2).join(":");
