/**
 * Another session, or server, while a server goes down; loaded once it does.
 * @module
 */

import { CloseCode } from "./protocol.js";

/** @import { ShuttingDown } from "./messages.js" */
/** @import { Session } from "./session.js" */

const BEFORE_END_MS = 5000; // for a session to begin, before the old one is cut off

/**
 * Return the move that is under way, for another time, or else a new one; null where none is wanted.
 * @param {Move | null} move Of before.
 * @param {Session} from
 * @param {ShuttingDown} told
 * @param {Opening} opening
 */
export function moveBy(move, from, told, opening) {
  if (!opening.isWanted()) return move;
  const next = move?.isFrom(from) ? move : new Move(from, opening);
  next.waitUntil(told.atS * 1000);
  if (told.resume === true) next.resume();
  return next;
}

/**
 * @typedef {object} Opening
 * @property {() => boolean} isWanted Whether another session would still be of use.
 * @property {() => Promise<void>} prepare Comes before `open`.
 * @property {() => Session} open
 */

/**
 * Opens another session at the next end of an utterance, and, where that was refused, just before the old one is cut off.
 * Where another server can go on with the session, its connection is lost on purpose instead.
 */
export class Move {
  #from;
  #opening;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Session | null} */
  #to = null;
  #hasBegun = false;
  #resumes = false;

  /** @param {Session} from @param {Opening} opening */
  constructor(from, opening) {
    this.#from = from;
    this.#opening = opening;
  }

  /** @param {Session} from */
  isFrom(from) {
    return this.#from === from;
  }

  /** @param {number} atMs When the old one is cut off, in Unix ms; what was said before holds no more. */
  waitUntil(atMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#begin(), Math.max(0, atMs - BEFORE_END_MS - Date.now()));
  }

  /** Whoever comes back is let in elsewhere: begin no other session. */
  resume() {
    this.#resumes = true;
  }

  /** Whether it is from this one to that one, which listens: then it is over. @param {Session} from @param {Session} to */
  leads(from, to) {
    if (this.#from !== from || this.#to !== to) return false;
    this.#to = null;
    this.cancel();
    return true;
  }

  /** An utterance has ended. */
  noteFinal() {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    void this.#begin();
  }

  /** Open none, and leave what was opened. */
  cancel() {
    this.#hasBegun = true;
    clearTimeout(this.#timer);
    this.#to?.sendClose();
    this.#to = null;
  }

  async #begin() {
    const { isWanted, prepare, open } = this.#opening;
    if (!isWanted()) return;
    if (this.#resumes) return queueMicrotask(() => this.#from.lose(CloseCode.BROKEN, "")); // once all that came is told
    try {
      await prepare();
      if (!isWanted()) return;
      this.#to?.sendClose(); // it was refused, or does not answer
      this.#to = open();
    } catch {
      // no token for now, or one that is none: the old session goes on
    }
  }
}
