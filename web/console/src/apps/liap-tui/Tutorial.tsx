// The rules in two minutes, with the pieces themselves.
import type { ReactNode } from "react";
import type { Piece as PieceOf } from "../../generated/liap-tui";
import { Modal } from "../../ui/Dialog";
import { Piece } from "./table/Piece";

export function Tutorial({ onClose }: { onClose(): void }) {
  return (
    <Modal title="Liap Tui in two minutes" onClose={onClose}>
      <div className="tutorial">
        <Step title="Eight pieces each">
          <p>
            32 pieces are dealt, red and black. The general is the strongest, with 14 and 13 points; the black soldier is worth 1. You see
            your own hand and nobody else’s.
          </p>
          <Shown pieces={["red_general", "red_chariot", "black_horse", "black_soldier"]} />
        </Step>
        <Step title="A weak hand may be dealt again">
          <p>With no piece above 9 points you may ask for another deal. Then you start, and the round counts once more.</p>
        </Step>
        <Step title="Say how many piles you will take">
          <p>
            From 0 to 8, one after the other. The last one may not make the sum 8, so somebody will always be wrong; and nobody says 0 three
            times in a row.
          </p>
        </Step>
        <Step title="Play sets">
          <p>
            Whoever leads plays a valid set of one to six pieces: a single, a pair, soldiers of one colour, a straight such as this one. All
            others play as many pieces, any they like, face down.
          </p>
          <Shown pieces={["red_chariot", "red_horse", "red_cannon"]} />
          <p>All turn over together. The highest set of the leader’s kind takes as many piles as each has played, and leads next.</p>
        </Step>
        <Step title="Exactly that many">
          <p>
            Exactly as declared: 5 points and one for each pile, or 3 for a kept promise of none. Otherwise you lose the difference. Whoever
            has most once somebody reached 50 wins.
          </p>
        </Step>
        <button className="btn" onClick={onClose}>
          Got it
        </button>
      </div>
    </Modal>
  );
}

function Step({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Shown({ pieces }: { pieces: readonly PieceOf[] }) {
  return (
    <p className="row tutorial__pieces">
      {pieces.map((piece) => (
        <Piece key={piece} piece={piece} size="44px" worth />
      ))}
    </p>
  );
}
