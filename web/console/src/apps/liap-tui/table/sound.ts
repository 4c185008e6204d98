// A short tick when it becomes the reader's turn; off until somebody wants it.
import { useCallback, useEffect, useState } from "react";
import { recall, remember } from "../../../ui/memory";

const KEY = "dormouse.liap-tui.sound";
const HERTZ = 880;
const SECONDS = 0.09;
const LOUDNESS = 0.12;

let audio: AudioContext | undefined;

/** Wood on wood: a tone that is gone before it is one. */
function tick(): void {
  audio ??= new AudioContext();
  const [tone, volume] = [audio.createOscillator(), audio.createGain()];
  tone.frequency.value = HERTZ;
  volume.gain.setValueAtTime(LOUDNESS, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + SECONDS);
  tone.connect(volume).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + SECONDS);
}

export function useSound(isMyTurn: boolean): { on: boolean; set(on: boolean): void } {
  const [on, setOn] = useState(() => recall(KEY) === "on");
  useEffect(() => {
    if (on && isMyTurn) tick();
  }, [on, isMyTurn]);
  const set = useCallback((on: boolean) => {
    remember(KEY, on ? "on" : "off");
    setOn(on);
  }, []);
  return { on, set };
}
