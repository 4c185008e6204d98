// The holder of a weak hand may ask for another deal, at a price, while time is left.
import type { WeakHand as Asked } from "../../../generated/liap-tui";

interface Props {
  asked: Asked;
  now: number;
  left: number | undefined;
  decide(accept: boolean): void;
}

export function WeakHand({ asked, now, left, decide }: Props) {
  const isLate = now >= asked.warn_at;
  return (
    <div className="weak">
      <p className="small">
        No piece of yours is above 9 points. Another deal makes this round count <b>×{asked.next_multiplier}</b> for
        everybody, and whoever asks for it starts.
      </p>
      {left !== undefined && (
        <p className={`small ${isLate ? "weak__late" : "quiet"}`} role={isLate ? "alert" : undefined}>
          {isLate ? "Time runs out: then you keep this hand." : "Without an answer you keep this hand."}
        </p>
      )}
      <div className="row wrap">
        <button className="btn btn--go" onClick={() => decide(true)}>
          Deal again at ×{asked.next_multiplier}
        </button>
        <button className="btn" onClick={() => decide(false)}>
          Keep this hand
        </button>
      </div>
    </div>
  );
}
