/**
 * Another session while a server goes down; loaded once it does.
 * @module
 */

/** @import { Session } from "./session.js" */

const BEFORE_END_MS = 5000; // for a session to begin, before the old one is cut off

/** Opens another session at the next end of an utterance, and, where that was refused, just before the old one is cut off. */
export class Move {
  #from;
  #open;
  #timer;
  /** @type {Session | null} */
  #to = null;
  #hasBegun = false;

  /**
   * @param {Session} from
   * @param {number} atMs When what has not ended is cut off, in Unix ms.
   * @param {() => Promise<Session | null>} open Null: it is not wanted any more.
   */
  constructor(from, atMs, open) {
    this.#from = from;
    this.#open = open;
    this.#timer = setTimeout(() => this.#begin(), Math.max(0, atMs - BEFORE_END_MS - Date.now()));
  }

  /** Whether it is from this one to that one, which listens. @param {Session} from @param {Session} to */
  leads(from, to) {
    if (this.#from !== from || this.#to !== to) return false;
    clearTimeout(this.#timer);
    return true;
  }

  /** An utterance has ended. */
  noteFinal() {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    void this.#begin();
  }

  async #begin() {
    const to = await this.#open().catch(() => null); // no token, for now
    if (!to) return;
    this.#to?.sendClose(); // it was refused, or does not answer
    this.#to = to;
  }
}
