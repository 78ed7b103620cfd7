/**
 * Audio on its way: what waits for a connection that can take it, and what was sent but has no
 * final yet, so that another connection can be given it again.
 * @module
 */

import { SAMPLE_RATE } from "./pcm.js";

export const BYTES_PER_MS = (SAMPLE_RATE * 2) / 1000;
const MOST_HELD_MS = 300_000; // 10 MB: longer than an utterance, than most tunnels, and than what networks buffer
const PIECE_BYTES = 100 * BYTES_PER_MS; // what is heard twice after a reconnection, at most
const ENOUGH_WAITING_MS = 1000; // a source that can wait is asked to

/** Pieces of PCM in order, with where in the audio they lie. */
export class Outbox {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  #pieces = [];
  // Of the audio, from its first sample:
  #startBytes = 0; // where #pieces begin
  #sentBytes = 0;
  #endBytes = 0;
  #droppedBytes = 0; // that nobody has been told of
  /** @type {(() => void)[]} */
  #callers = [];

  /** Where the audio begins that is held, in bytes from the first sample. */
  get startBytes() {
    return this.#startBytes;
  }

  /** Where the audio ends that was added, in ms from the first sample. */
  get endMs() {
    return this.#endBytes / BYTES_PER_MS;
  }

  /** Where the audio ends that was sent, in ms from the first sample. */
  get sentMs() {
    return this.#sentBytes / BYTES_PER_MS;
  }

  /** Whether everything was sent. */
  get isEmpty() {
    return this.#sentBytes === this.#endBytes;
  }

  /** @param {Uint8Array<ArrayBuffer>} pcm */
  add(pcm) {
    for (let start = 0; start < pcm.length; start += PIECE_BYTES) this.#addPiece(pcm.subarray(start, start + PIECE_BYTES));
  }

  /** @param {Uint8Array<ArrayBuffer>} piece */
  #addPiece(piece) {
    this.#pieces.push(piece);
    this.#endBytes += piece.length;
    while (this.#endBytes - this.#startBytes > MOST_HELD_MS * BYTES_PER_MS && this.#pieces.length > 1) this.#drop();
  }

  /** Return the next piece to send, or null. */
  take() {
    let end = this.#startBytes;
    const piece = this.#pieces.find(({ length }) => (end += length) > this.#sentBytes);
    const rest = piece?.subarray(this.#sentBytes - end) ?? null; // counted from its end, as it is negative
    if (rest) this.#sentBytes = end;
    if (this.#hasRoom) this.release();
    return rest;
  }

  /** How much was dropped before it was sent since this was asked last, in ms. */
  takeDroppedMs() {
    const dropped = this.#droppedBytes / BYTES_PER_MS;
    this.#droppedBytes = 0;
    return dropped;
  }

  /**
   * Let go of what was sent and has its final.
   * @param {number} untilMs From the first sample.
   * @param {number} [neededBytes] From here on it may still be asked for.
   */
  confirm(untilMs, neededBytes = Infinity) {
    const until = Math.min(untilMs * BYTES_PER_MS, neededBytes, this.#sentBytes);
    while (this.#startBytes + (this.#pieces[0]?.length ?? Infinity) <= until) this.#drop();
  }

  /**
   * Begin again with what has no final; return where that is, in whole ms from the first sample.
   * @param {number} [fromMs] What lies before has one.
   */
  rewind(fromMs = 0) {
    this.seek(Math.max(Math.ceil(this.#startBytes / BYTES_PER_MS), Math.floor(fromMs)) * BYTES_PER_MS);
    return this.sentMs;
  }

  /**
   * Go on sending from here; return whether all that is to be sent is still there.
   * @param {number} byte From the first sample.
   */
  seek(byte) {
    this.#sentBytes = Math.min(byte, this.#endBytes);
    return this.#startBytes <= byte;
  }

  /**
   * Wait until little waits to be sent.
   * @returns {Promise<void>}
   */
  room() {
    if (this.#hasRoom) return Promise.resolve();
    return new Promise((resolve) => this.#callers.push(resolve));
  }

  /** Let everybody go on who waits for room: there is some, or nobody listens any more. */
  release() {
    for (const resolve of this.#callers.splice(0)) resolve();
  }

  get #hasRoom() {
    return this.#endBytes - this.#sentBytes <= ENOUGH_WAITING_MS * BYTES_PER_MS;
  }

  #drop() {
    this.#startBytes += this.#pieces.shift()?.length ?? 0;
    const dropped = this.#startBytes - this.#sentBytes;
    if (dropped <= 0) return;
    this.#sentBytes = this.#startBytes;
    this.#droppedBytes += dropped;
  }
}
