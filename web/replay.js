/**
 * The latest sound of local sources, so that a word can be heard again.
 * @module
 */

const RATE = 16_000;
const MOST_BYTES = 60 * 60 * RATE * 2; // an hour, 115 MB
const AROUND_MS = 250; // before and after a word

export class Replay {
  /** @type {{startMs: number, pcm: Uint8Array<ArrayBuffer>}[]} */
  #pieces = [];
  #bytes = 0;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {AudioBufferSourceNode | null} */
  #node = null;

  /** @param {number} startMs In the transcript. @param {Uint8Array<ArrayBuffer>} pcm */
  add(startMs, pcm) {
    this.#pieces.push({ startMs, pcm });
    this.#bytes += pcm.length;
    while (this.#bytes > MOST_BYTES) this.#drop();
  }

  /** Let go of what has ended by then. @param {number} untilMs In the transcript. */
  dropUntil(untilMs) {
    while (this.#pieces[0] && endOf(this.#pieces[0]) <= untilMs) this.#drop();
  }

  clear() {
    this.#pieces = [];
    this.#bytes = 0;
  }

  /**
   * Play what lies between; false where it is not there any more, or never was.
   * @param {number} startMs
   * @param {number} endMs
   * @param {() => void} ended
   */
  play(startMs, endMs, ended) {
    const samples = this.cut(startMs - AROUND_MS, endMs + AROUND_MS);
    if (samples.length === 0) return false;
    this.#node?.stop();
    const context = (this.#context ??= new AudioContext());
    const buffer = context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(samples, 0);
    const node = (this.#node = context.createBufferSource());
    node.buffer = buffer;
    node.onended = ended;
    node.connect(context.destination);
    void context.resume();
    node.start();
    return true;
  }

  /**
   * The samples between, -1 to 1.
   * @param {number} startMs
   * @param {number} endMs
   * @returns {Float32Array<ArrayBuffer>}
   */
  cut(startMs, endMs) {
    const found = this.#pieces.filter((piece) => piece.startMs < endMs && endOf(piece) > startMs);
    return Float32Array.from(found.flatMap((piece) => {
      const from = Math.max(0, Math.round(((startMs - piece.startMs) * RATE) / 1000));
      const until = Math.min(piece.pcm.length / 2, Math.round(((endMs - piece.startMs) * RATE) / 1000));
      const view = new DataView(piece.pcm.buffer, piece.pcm.byteOffset, piece.pcm.byteLength);
      return Array.from({ length: Math.max(0, until - from) }, (_, index) => view.getInt16((from + index) * 2, true) / 32768);
    }));
  }

  #drop() {
    this.#bytes -= this.#pieces.shift()?.pcm.length ?? 0;
  }
}

/** @param {{startMs: number, pcm: Uint8Array}} piece */
const endOf = ({ startMs, pcm }) => startMs + pcm.length / 2 / (RATE / 1000);
