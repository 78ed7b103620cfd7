/**
 * How far a transcription has come in its audio, over all its connections.
 * @module
 */

/** @import { Result } from "./messages.js" */

const HEARD_AFTER_MS = 30_000; // what was sent before and has brought no partial was no speech
const NOTED_MS = 1000;

export class Progress {
  #baseMs = 0; // where in the audio the present session began
  #confirmedMs = 0; // up to where finals have come
  #isSpoken = false; // a partial has no final yet
  /** @type {{atMs: number, sentMs: number}[]} */
  #sent = []; // how far in the audio was sent by when

  /**
   * A session begins here in the audio.
   * @param {number} baseMs
   */
  begin(baseMs) {
    this.#baseMs = baseMs;
    this.#confirmedMs = Math.max(this.#confirmedMs, baseMs);
    this.#isSpoken = false;
    this.#sent = [];
  }

  /**
   * Take a result of the present session, and return it where it lies in the whole audio.
   * @template {Result} Kind
   * @param {Kind} result
   * @returns {Kind}
   */
  receive(result) {
    const base = Math.round(this.#baseMs);
    const placed = { ...result, offsetMs: result.offsetMs + base };
    this.#isSpoken = placed.kind === "partial";
    if (placed.kind === "final") {
      this.#confirmedMs = Math.max(this.#confirmedMs, placed.offsetMs);
      placed.words = placed.words?.map((word) => ({ ...word, startMs: word.startMs + base, endMs: word.endMs + base })) ?? null;
    }
    return placed;
  }

  /**
   * @param {number} sentMs How far in the audio was sent.
   * @param {number} atMs On any clock.
   */
  noteSent(sentMs, atMs) {
    if (atMs - (this.#sent.at(-1)?.atMs ?? -Infinity) >= NOTED_MS) this.#sent.push({ atMs, sentMs });
    while ((this.#sent[1]?.atMs ?? Infinity) <= atMs - HEARD_AFTER_MS) this.#sent.shift();
  }

  /**
   * Nothing is heard from now on, until there is a connection again.
   * @param {number} atMs
   */
  pause(atMs) {
    this.#confirmedMs = this.heardMs(atMs);
    this.#sent = [];
  }

  /**
   * Up to where nothing is owed, by finals or because it was silence, in ms from the first sample.
   * @param {number} atMs
   */
  heardMs(atMs) {
    const [oldest] = this.#sent;
    const isSilence = oldest !== undefined && !this.#isSpoken && oldest.atMs <= atMs - HEARD_AFTER_MS;
    return isSilence ? Math.max(this.#confirmedMs, oldest.sentMs) : this.#confirmedMs;
  }
}
