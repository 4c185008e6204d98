/**
 * The outbox: commands numbered over all actors, sent in order and sent again with the same id until a
 * host answered. A number is final once it was sent; before that it may still change, since the
 * outbox of an earlier page may come first.
 */
import { backoffMs } from "../backoff.js";
import { Code } from "../codes.js";
import { faultOfWire, localFault, type Fault } from "../errors.js";
import type { Accepted, Rejected } from "../frames.js";
import { ANSWER_MS, ANSWER_WINDOW, ENVELOPE_BYTES, MOVES_MAX, WAITING_MAX } from "../limits.js";
import { bytesOf, tooLarge } from "../size.js";
import { isShown } from "./overlay.js";
import type { Answer, Command, Input, Kept, Optimistic } from "./state.js";
import { mapCommands, putOutbox, subKey, type Step } from "./step.js";

export function isUnanswered(command: Command): boolean {
  return command.phase !== "accepted";
}

/** Of an earlier page: those of this one have the keys of their senders, from 1. */
export function isRestored(command: Command): boolean {
  return command.key < 0;
}

export function enqueue(step: Step, input: Input & { input: "send" }): void {
  const { outbox } = step.s;
  if (step.s.closed) return reject(step, input.key, closedFault());
  if (outbox.commands.filter(isUnanswered).length >= WAITING_MAX) {
    const message = `${WAITING_MAX} commands wait for an answer; this one was not taken. Send it again later.`;
    return reject(step, input.key, localFault("outbox_full", message, "retry"));
  }
  const command = newCommand(input.key, outbox.nextN, input.actor, input.command, 0, input.optimistic);
  putOutbox(step, { nextN: outbox.nextN + 1, commands: [...outbox.commands, command] });
  flush(step);
}

/** Sends what may go now. An actor's commands keep their order: one that waits holds back the later ones. */
export function flush(step: Step): void {
  if (step.s.line.at !== "open") return;
  let free = step.s.inFlight - step.s.outbox.commands.filter((command) => command.phase === "sent").length;
  const held = new Set<string>();
  const lowest = new Map<string, number>();
  mapCommands(step, (command) => {
    // What goes on to a new outbox does not wait in this one, nor is it waited for.
    if (!isUnanswered(command) || (step.s.outbox.spent && command.sends === 0)) return command;
    const low = lowest.get(command.actor) ?? command.n;
    lowest.set(command.actor, low);
    if (command.phase === "sent") return command;
    const early = command.notBefore > step.env.now || command.n - low >= ANSWER_WINDOW;
    if (free <= 0 || early || held.has(command.actor)) {
      held.add(command.actor);
      return command;
    }
    free -= 1;
    return transmit(step, command);
  });
}

export function onAccepted(step: Step, frame: Accepted): void {
  const command = commandOf(step, frame.command_id);
  if (command === undefined) return;
  const answer: Answer = {
    position: frame.position,
    ...(frame.etag === undefined ? {} : { etag: frame.etag }),
    ...(frame.again === undefined ? {} : { again: frame.again }),
  };
  step.effects.push({ do: "settle", key: command.key, answer });
  const settled: Command = { ...command, phase: "accepted", accepted: answer };
  const sub = step.s.subs.get(subKey(command.actor, "view"));
  const keep = command.optimistic !== null && sub !== undefined && sub.phase !== "ended" && !isShown(settled, sub);
  mapCommands(step, (other) => (other === command ? (keep ? settled : null) : other));
  flush(step);
}

export function onRejected(step: Step, frame: Rejected): void {
  const command = commandOf(step, frame.command_id);
  if (command === undefined) return;
  const fault = faultOfWire(frame);
  if (fault.kind === "stop") {
    onRefused(step, command, fault);
  } else {
    const delay = backoffMs(command.retries, step.env.random, fault.retryAfter);
    const retry: Partial<Command> = {
      phase: "waiting",
      retries: command.retries + 1,
      notBefore: step.env.now + delay,
      // With one copy, this is its answer.
      firstHere: command.firstHere && command.sends > 1,
    };
    mapCommands(step, (other) => (other === command ? { ...command, ...retry } : other));
  }
  flush(step);
}

/** A refusal is the last word if there is no other copy, or if none can be carried out any more. */
function onRefused(step: Step, command: Command, fault: Fault): void {
  if (command.sends === 1 || fault.position !== undefined || fault.code === Code.Gone) return drop(step, command, fault);
  if (command.firstHere) {
    // The answer to the first copy. The one to a later copy is still to come, and may be another.
    return mapCommands(step, (other) => (other === command ? { ...command, firstHere: false } : other));
  }
  const message = `${fault.message} An earlier copy of the command may still arrive; look at the view.`;
  drop(step, command, localFault("unknown_outcome", message, "stop"));
}

/**
 * The host knows this id from another command, or takes it for older than what it remembers: its storage was copied or went
 * back to an older state, or a busy room forgot outboxes as old as this one. Every further number may be refused too, so
 * what was not carried out moves to a new outbox. That is certain of another body's id, and of one that was sent just once.
 */
export function onSpent(step: Step, frame: Rejected): void {
  const command = commandOf(step, frame.command_id);
  if (command === undefined) return;
  const unheard = frame.code === Code.IdempotencyMismatch || command.sends === 1;
  if (!unheard || command.moves >= MOVES_MAX) drop(step, command, faultOfWire(frame));
  const moved: Command = { ...command, phase: "waiting", sends: 0, firstHere: false, moves: command.moves + 1, notBefore: 0 };
  mapCommands(step, (other) => (other === command ? moved : other));
  putOutbox(step, { spent: true });
  flush(step);
}

/** Once every answer is here that the spent outbox can still get. Those who were sent under it would be unknown without it. */
export function leaveSpent(step: Step): boolean {
  const { spent, commands } = step.s.outbox;
  const open = commands.filter(isUnanswered);
  if (!spent || open.some((command) => command.sends > 0)) return false;
  putOutbox(step, { id: null, spent: false, ...renumber(open, 1) });
  return true;
}

/** The line went: what was sent and not answered waits again, under the same id. */
export function recallSent(step: Step): void {
  if (step.s.outbox.id === null) abandonTransmitted(step);
  mapCommands(step, (command) => {
    if (command.phase === "sent") return { ...command, phase: "waiting", firstHere: false };
    return command.firstHere ? { ...command, firstHere: false } : command;
  });
}

/** A frame may get lost on a line that lives on; asking again is free because the id is the same. */
export function resendLate(step: Step): void {
  mapCommands(step, (command) => {
    if (command.phase === "sent" && command.answerBy <= step.env.now) return { ...command, phase: "waiting" };
    // A time that has passed is cleared, or it would stay the next deadline while the command waits for its turn.
    return command.notBefore > 0 && command.notBefore <= step.env.now ? { ...command, notBefore: 0 } : command;
  });
  flush(step);
}

/** The host named the outbox. Under another one than we had, ids that it may have seen can no longer be asked about. */
export function useOutbox(step: Step, id: string): void {
  const { outbox } = step.s;
  if (outbox.id === id || id === "") return;
  abandonTransmitted(step);
  putOutbox(step, { id, spent: false, ...renumber(step.s.outbox.commands.filter(isUnanswered), 1) });
}

/** This line carries less than the one that they were meant for: sent, they would end it, again and again. */
export function refuseTooLarge(step: Step): void {
  const room = step.s.frameBytes - ENVELOPE_BYTES;
  const isLarge = (it: Command): boolean => isUnanswered(it) && bytesOf(JSON.stringify(it.command)) > room;
  for (const command of step.s.outbox.commands.filter(isLarge)) {
    const fault = tooLarge("command", room);
    const message = `${fault.message} An earlier copy may have been carried out; look at the view.`;
    drop(step, command, command.sends === 0 ? fault : localFault("unknown_outcome", message, "stop"));
  }
}

/** Takes over the outbox that this tab found or was given; what was sent in this page so far follows after it. */
export function adopt(step: Step, owner: string, kept: Kept | null): void {
  const changed = step.s.owner !== null && step.s.owner !== owner;
  step.s.owner = owner;
  if (changed) {
    const message = "The client signed in as somebody else; the command stays in the outbox of the one who sent it.";
    rejectAll(step, localFault("principal_changed", message, "stop"));
  }
  const own = changed ? [] : step.s.outbox.commands;
  const old = (kept?.commands ?? []).map((it, at) => newCommand(-1 - at, it.n, it.actor, it.command, it.sent ? 1 : 0, null));
  const next = renumber(own, kept?.nextN ?? 1);
  step.s.outbox = { id: kept?.outbox ?? null, nextN: next.nextN, spent: false, commands: [...old, ...next.commands] };
  flush(step);
}

export function show(step: Step, key: number, optimistic: Optimistic): void {
  mapCommands(step, (command) => (command.key === key ? { ...command, optimistic } : command));
}

export function onTaken(step: Step): void {
  const message = "Another tab took over this tab's outbox and sends the command.";
  rejectAll(step, localFault("outbox_taken", message, "stop"));
  step.s.outbox = { id: null, nextN: 1, spent: false, commands: [] };
}

export function rejectAll(step: Step, fault: Fault): void {
  for (const command of step.s.outbox.commands.filter(isUnanswered)) reject(step, command.key, fault);
}

export function closedFault(): Fault {
  return localFault("closed", "The client is closed.", "stop");
}

/** Without the outbox that they went out under, sending these again could carry them out twice. */
function abandonTransmitted(step: Step): void {
  const message = "Whether the command was carried out cannot be told, for the host does not know its outbox. Look at the view.";
  for (const command of step.s.outbox.commands.filter((it) => isUnanswered(it) && it.sends > 0)) {
    drop(step, command, localFault("unknown_outcome", message, "stop"));
  }
}

function newCommand(
  key: number, n: number, actor: string, command: unknown, sends: number, optimistic: Command["optimistic"],
): Command {
  const rest = { firstHere: false, retries: 0, moves: 0, notBefore: 0, answerBy: 0, accepted: null };
  return { key, n, actor, command, optimistic, phase: "waiting", sends, ...rest };
}

function renumber(commands: readonly Command[], from: number): { nextN: number; commands: readonly Command[] } {
  return { nextN: from + commands.length, commands: commands.map((command, at) => ({ ...command, n: from + at })) };
}

function transmit(step: Step, command: Command): Command {
  const { id } = step.s.outbox;
  const command_id = `${id ?? ""}:${command.n}`;
  // Of what may have gone out before a copy may come at any time: its refusal must hold for that one, too.
  const resent = command.sends > 0;
  const said = { action: "send", actor: command.actor, command_id, command: command.command } as const;
  step.effects.push({ do: "transmit", number: step.s.number, frame: resent ? { ...said, resent } : said });
  const firstHere = command.firstHere || !resent;
  return { ...command, phase: "sent", sends: command.sends + 1, firstHere, answerBy: step.env.now + ANSWER_MS };
}

/** Duplicates of an answer, and answers to another tab's outbox, find nothing here. */
function commandOf(step: Step, commandId: string): Command | undefined {
  const { id, commands } = step.s.outbox;
  return commands.find((command) => isUnanswered(command) && `${id ?? ""}:${command.n}` === commandId);
}

function drop(step: Step, command: Command, fault: Fault): void {
  reject(step, command.key, fault);
  mapCommands(step, (other) => (other === command ? null : other));
}

function reject(step: Step, key: number, fault: Fault): void {
  step.effects.push({ do: "reject", key, fault });
}
