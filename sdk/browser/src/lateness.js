/**
 * Sound that never came, found by the clock: a browser had paused it, or a machine slept.
 * @module
 */

const LOOK_MS = 500; // what a busy page takes late comes all at once: it is late, not missing
const MISSING_MS = 1000; // less is that of a busy machine, and the audio thread makes up for it

/** How late the sound of a live source is. */
export class Lateness {
  #broughtMs = 0;
  #usualMs = 0;
  #leastMs = Infinity; // of the present look
  #lookedAtMs;
  #startedAtMs;

  /** @param {number} nowMs On a clock that goes on while the machine sleeps. */
  constructor(nowMs) {
    this.#startedAtMs = this.#lookedAtMs = nowMs;
  }

  /**
   * Take note of sound that comes, and return how much is missing before it, in ms: mostly 0. It is
   * known half a second later.
   * @param {number} lengthMs
   * @param {number} nowMs
   */
  note(lengthMs, nowMs) {
    let missingMs = 0;
    if (nowMs - this.#lookedAtMs >= LOOK_MS) {
      if (this.#leastMs < Infinity) {
        missingMs = this.#leastMs - this.#usualMs;
        this.#usualMs = this.#leastMs;
      }
      this.#leastMs = Infinity;
      this.#lookedAtMs = nowMs;
    }
    this.#broughtMs += lengthMs;
    this.#leastMs = Math.min(this.#leastMs, nowMs - this.#startedAtMs - this.#broughtMs);
    return missingMs >= MISSING_MS ? missingMs : 0;
  }
}
