/**
 * Audio on its way: what waits for a connection that can take it, and what was sent but has no
 * final yet, so that another connection can be given it again.
 * @module
 */

import { SAMPLE_RATE } from "./pcm.js";

const BYTES_PER_MS = (SAMPLE_RATE * 2) / 1000;
const MOST_HELD_MS = 300_000; // 10 MB: longer than an utterance, than most tunnels, and than what networks buffer
const PIECE_BYTES = 100 * BYTES_PER_MS; // what is heard twice after a reconnection, at most
const ENOUGH_WAITING_MS = 1000; // a source that can wait is asked to

/** Pieces of PCM in order, with where in the audio they lie. */
export class Outbox {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  #pieces = [];
  #next = 0; // of #pieces, the first that was not sent
  #startBytes = 0; // of the audio, where #pieces begin
  #heldBytes = 0;
  #waitingBytes = 0;
  #droppedBytes = 0; // that nobody has been told of
  /** @type {(() => void)[]} */
  #callers = [];

  /** Where the audio begins that is held, in bytes from the first sample. */
  get startBytes() {
    return this.#startBytes;
  }

  /** Where the audio ends that was added, in ms from the first sample. */
  get endMs() {
    return (this.#startBytes + this.#heldBytes) / BYTES_PER_MS;
  }

  /** Where the audio ends that was sent, in ms from the first sample. */
  get sentMs() {
    return (this.#startBytes + this.#heldBytes - this.#waitingBytes) / BYTES_PER_MS;
  }

  /** Whether everything was sent. */
  get isEmpty() {
    return this.#waitingBytes === 0;
  }

  /** @param {Uint8Array<ArrayBuffer>} pcm */
  add(pcm) {
    for (let start = 0; start < pcm.length; start += PIECE_BYTES) this.#addPiece(pcm.subarray(start, start + PIECE_BYTES));
  }

  /** @param {Uint8Array<ArrayBuffer>} piece */
  #addPiece(piece) {
    this.#pieces.push(piece);
    this.#heldBytes += piece.length;
    this.#waitingBytes += piece.length;
    while (this.#heldBytes > MOST_HELD_MS * BYTES_PER_MS && this.#pieces.length > 1) this.#drop();
  }

  /** Return the next piece to send, or null. */
  take() {
    const piece = this.#pieces[this.#next] ?? null;
    if (piece !== null) {
      this.#next++;
      this.#waitingBytes -= piece.length;
    }
    if (this.#waitingBytes <= ENOUGH_WAITING_MS * BYTES_PER_MS) this.release();
    return piece;
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
    const until = Math.min(untilMs * BYTES_PER_MS, neededBytes);
    while (this.#next > 0 && this.#startBytes + (this.#pieces[0]?.length ?? 0) <= until) this.#drop();
  }

  /** Begin again with what has no final; return where that is, in ms from the first sample. */
  rewind() {
    this.seek(this.#startBytes);
    return this.#startBytes / BYTES_PER_MS;
  }

  /**
   * Go on sending from here; return whether all that is to be sent is still there.
   * @param {number} byte From the first sample.
   */
  seek(byte) {
    let at = this.#startBytes;
    let next = 0;
    for (let piece; (piece = this.#pieces[next]) && at < byte; next++) {
      if (at + piece.length > byte) this.#pieces.splice(next, 1, piece.subarray(0, byte - at), piece.subarray(byte - at));
      at += this.#pieces[next]?.length ?? 0;
    }
    this.#next = next;
    this.#waitingBytes = this.#startBytes + this.#heldBytes - at;
    return this.#startBytes <= byte;
  }

  /**
   * Wait until little waits to be sent.
   * @returns {Promise<void>}
   */
  room() {
    if (this.#waitingBytes <= ENOUGH_WAITING_MS * BYTES_PER_MS) return Promise.resolve();
    return new Promise((resolve) => this.#callers.push(resolve));
  }

  /** Let everybody go on who waits for room: there is some, or nobody listens any more. */
  release() {
    for (const resolve of this.#callers.splice(0)) resolve();
  }

  #drop() {
    const length = this.#pieces.shift()?.length ?? 0;
    this.#startBytes += length;
    this.#heldBytes -= length;
    if (this.#next > 0) this.#next--;
    else {
      this.#waitingBytes -= length;
      this.#droppedBytes += length;
    }
  }
}
