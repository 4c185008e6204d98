// The trace as a slider: bars are commits, the thin dusk line is sleep, the gold pin is where you look.
//
// The input is a real range over the commits 1 … head, so keyboard and screen reader work as everywhere. The picture's
// axis leaves room for sleep, which a range cannot know; so the pointer is mapped here, and the pin drawn here.
import { type CSSProperties, type KeyboardEvent, type PointerEvent, useEffect, useMemo, useRef } from "react";
import { type Axis, path } from "./axis";

const HEIGHT = 44;
const PAGE = 10;

interface Props {
  axis: Axis;
  value: number;
  label: string;
  valuetext: string;
  /** The pin follows the newest commit: it runs when one arrives. */
  atNow: boolean;
  onChange(seq: number): void;
}

export function TraceSlider({ axis, value, label, valuetext, atNow, onChange }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const drag = useDrag(input, axis, onChange);
  const clamp = (seq: number) => Math.min(axis.head, Math.max(1, seq));

  function keys(event: KeyboardEvent) {
    const step = { PageUp: PAGE, PageDown: -PAGE, ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
    const target =
      event.key === "Home" ? 1 : event.key === "End" ? axis.head : step === undefined ? undefined : value + step;
    if (target === undefined) return;
    event.preventDefault();
    onChange(clamp(target));
  }

  return (
    <div
      className={`trace trace--slider${atNow ? " trace--now" : ""}`}
      style={{ "--h": `${HEIGHT}px`, "--x": (axis.x(value) / axis.width) * 100 } as CSSProperties}
    >
      <Picture axis={axis} value={value} />
      <span className="trace__pin" aria-hidden="true" />
      <input
        ref={input}
        type="range"
        min={Math.min(1, axis.head)}
        max={axis.head}
        step={1}
        value={value}
        aria-label={label}
        aria-valuetext={valuetext}
        onKeyDown={keys}
        onChange={(event) => {
          if (!drag.active()) onChange(clamp(Number(event.target.value)));
        }}
        {...drag.handlers}
      />
    </div>
  );
}

function Picture({ axis, value }: { axis: Axis; value: number }) {
  const past = useMemo(
    () =>
      path(
        axis.bars.filter((b) => b.seq <= value),
        HEIGHT - 1,
        HEIGHT - 6,
      ),
    [axis, value],
  );
  const future = useMemo(
    () =>
      path(
        axis.bars.filter((b) => b.seq > value),
        HEIGHT - 1,
        HEIGHT - 6,
      ),
    [axis, value],
  );
  return (
    <svg viewBox={`0 0 ${axis.width} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path className="base" d={`M0 ${HEIGHT - 0.5}H${axis.width}`} />
      {axis.naps.map((nap) => (
        <path key={nap.from} className="nap" d={`M${nap.from.toFixed(1)} ${HEIGHT - 1}H${nap.to.toFixed(1)}`} />
      ))}
      <path className="past" d={past} />
      <path className="future" d={future} />
    </svg>
  );
}

/** The pointer moves the pin along the picture. Browsers also move the range underneath, along its own axis: that is ignored. */
function useDrag(input: React.RefObject<HTMLInputElement | null>, axis: Axis, onChange: (seq: number) => void) {
  const dragging = useRef(false);

  // React's touch listeners are passive, and only an active one can keep the browser's own thumb still.
  useEffect(() => {
    const node = input.current;
    const still = (event: Event) => event.preventDefault();
    node?.addEventListener("touchstart", still, { passive: false });
    return () => node?.removeEventListener("touchstart", still);
  }, [input]);

  function move(event: PointerEvent<HTMLInputElement>) {
    const box = event.currentTarget.getBoundingClientRect();
    if (box.width > 0) onChange(axis.seqAt(((event.clientX - box.left) / box.width) * axis.width));
  }
  return {
    active: () => dragging.current,
    handlers: {
      onPointerDown(event: PointerEvent<HTMLInputElement>) {
        if (event.button !== 0) return;
        dragging.current = true;
        event.currentTarget.setPointerCapture(event.pointerId);
        event.currentTarget.focus();
        move(event);
      },
      onPointerMove(event: PointerEvent<HTMLInputElement>) {
        if (dragging.current) move(event);
      },
      onLostPointerCapture() {
        dragging.current = false;
      },
    },
  };
}
