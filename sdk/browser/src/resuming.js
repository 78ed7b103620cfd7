/**
 * What is known of a session that outlives its connection, and whether a connection is still one: without I/O.
 *
 * Bytes are those of the whole audio, from its first sample; the server counts from where its session began.
 * @module
 */

/** @import { Position } from "./messages.js" */

/** Where the session is that there was, and what we have of it. */
export class Resuming {
  /** Empty until there was one. */
  sessionId = "";
  /** @type {string | null} */
  #epoch = null; // null: there is nothing to come back to
  #baseBytes = 0; // where the session began
  #finals = 0; // the number of the last that we have
  /** The first byte that may be asked for again. */
  neededBytes = Infinity;
  #furthestBytes = 0; // that a server has ever received

  /** Whether there is a session to come back to. */
  get isPossible() {
    return this.#epoch !== null;
  }

  /**
   * What a connection says that is to go on with the session; nothing for one that begins another.
   * @param {number | undefined} oldestBytes The first byte that is still there; undefined: the server fetches the audio.
   */
  parameters(oldestBytes) {
    if (!this.isPossible) return {};
    const oldest = oldestBytes === undefined ? undefined : Math.max(0, oldestBytes - this.#baseBytes);
    return { session: this.sessionId, epoch: this.#epoch, finals: this.#finals, oldest_byte: oldest };
  }

  /**
   * Take what a server says that listens; return from which byte on it wants the audio, or null where
   * this is another session, of which `begin` has to be told.
   * @param {{sessionId: string, position: Position | null}} listening
   */
  goOn({ sessionId, position }) {
    if (!position || !this.isPossible || sessionId !== this.sessionId) return null;
    this.#epoch = position.epoch; // of a server that has begun anew with what it had written down
    return this.#baseBytes + position.receivedBytes;
  }

  /**
   * A session has begun.
   * @param {{sessionId: string, position: Position | null}} listening
   * @param {number} baseBytes Where its audio begins.
   */
  begin({ sessionId, position }, baseBytes) {
    this.sessionId = sessionId;
    this.#epoch = position?.epoch ?? null;
    this.#baseBytes = baseBytes;
    this.neededBytes = position ? baseBytes : Infinity;
    this.#finals = 0;
  }

  /** Nobody comes back to it. */
  forget() {
    this.#epoch = null;
    this.neededBytes = Infinity;
  }

  /**
   * Take what a server says that it has received; return whether that is more than one ever had.
   * @param {{receivedBytes: number, replayFromBytes: number}} received
   */
  acknowledge({ receivedBytes, replayFromBytes }) {
    const furthest = this.#furthestBytes;
    this.neededBytes = this.#baseBytes + replayFromBytes;
    this.#furthestBytes = Math.max(furthest, this.#baseBytes + receivedBytes);
    return this.#furthestBytes > furthest;
  }

  /**
   * Tell whether the final of this number is new, and remember it.
   * @param {number} number 0: it has none.
   */
  takes(number) {
    if (number > 0 && number <= this.#finals) return false;
    this.#finals = number;
    return true;
  }
}

const TOLD_EVERY_MS = 1000; // what a server has received, at most
const SILENCE_MS = 10_000;

/**
 * How long a connection is waited for, in ms on one clock. A network that is gone does not say so, nor does a
 * browser after a sleep: a server that tells what it has received, and is silent while audio goes out, is gone.
 */
export class Patience {
  #expectedMs = Infinity;
  #heardAt = Infinity; // of a server that does not tell: never
  #endsAt = Infinity;

  /**
   * Something has come.
   * @param {number} now
   * @param {boolean} tells Whether the server tells what it has received.
   */
  noteHeard(now, tells) {
    if (tells) this.#heardAt = now;
    this.expect(this.#expectedMs, now);
  }

  /**
   * From now on something comes at least as often.
   * @param {number} ms
   * @param {number} now
   */
  expect(ms, now) {
    this.#expectedMs = ms;
    this.#endsAt = now + ms;
  }

  /**
   * Audio goes out.
   * @param {number} now
   */
  noteSent(now) {
    if (now - this.#heardAt >= TOLD_EVERY_MS) this.#endsAt = Math.min(this.#endsAt, now + SILENCE_MS);
  }

  /**
   * Whether it has been waited for long enough. Browsers let hidden pages ask once a minute; that is often enough.
   * @param {number} now
   */
  isOver(now) {
    return now >= this.#endsAt;
  }
}
