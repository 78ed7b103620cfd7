/**
 * The client's side of a dialogue, from connecting to the close, without I/O.
 *
 * The shell is mechanical: after every call take `nextOutgoing` until null, writing each, and
 * `nextEvent` until null, acting on each. Arm one timer for `timerAt`.
 * @module
 */

import { CloseCode, connectionStateAfter, isListenedTo, isOver, LISTENING_TIMEOUT_MS, TRANSITIONS } from "./protocol.js";
import { parseServer, STOP, Violation, writeStart } from "./messages.js";

/** @import { ConnectionState, DialogueState, Input } from "./protocol.js" */
/** @import { ReadResult, ServerMessage } from "./messages.js" */

/**
 * What comes of a connection, besides every message of the server.
 * @typedef {ServerMessage | {kind: "state", state: ConnectionState} | {kind: "failed", reason: string, isTimeout: boolean}} ConnectionEvent
 */

/** What to write. @typedef {string | ArrayBufferView<ArrayBuffer> | {close: number, reason: string}} Outgoing */

/** @param {ServerMessage["kind"]} kind @returns {Input | null} */
function inputOf(kind) {
  if (kind === "unknown" || kind === "received") return null;
  return kind === "partial" || kind === "final" ? "server result" : `server ${kind}`;
}

/** Says what a client may say, and understands what it is told. */
export class Connection {
  /** @type {DialogueState} */
  #dialogue;
  /** @type {ConnectionState} */
  #state = "connecting";
  /** @type {number | null} */
  #timerAt;
  /** @type {ConnectionEvent[]} */
  #events = [];
  /** @type {Outgoing[]} */
  #outgoing = [];
  #hasClosed = false; // our close is out: what still comes was sent before it came
  #readResult;
  #timeoutMs;

  /** @param {{now: number, isStream?: boolean, readResult?: ReadResult, timeoutMs?: number}} options `now` in ms, on any clock. */
  constructor({ now, isStream = false, readResult, timeoutMs = LISTENING_TIMEOUT_MS }) {
    this.#dialogue = isStream ? "opening" : "awaiting start";
    this.#readResult = readResult;
    this.#timeoutMs = timeoutMs;
    this.#timerAt = now + timeoutMs;
  }

  /** What to show of this connection. */
  get state() {
    return this.#state;
  }

  /** When to call `handleTimer`, in ms on the clock of `now`; null for never. */
  get timerAt() {
    return this.#timerAt;
  }

  /** Whether audio still means anything. */
  get takesAudio() {
    return isListenedTo(this.#dialogue);
  }

  /**
   * Open recognition, once; audio may follow at once.
   * @param {{key?: string, partials?: boolean, digits?: boolean}} [wishes]
   */
  sendStart(wishes = {}) {
    if (isOver(this.#dialogue)) return;
    if (this.#dialogue !== "awaiting start") throw new Error("start: only once, and not in stream mode");
    this.#send("client start", writeStart(wishes));
  }

  /**
   * Send audio cut anywhere, at most 1 MiB, behind the start; once it means nothing it is dropped.
   * @param {Uint8Array<ArrayBuffer>} pcm
   */
  sendAudio(pcm) {
    if (this.takesAudio) this.#send("client audio", pcm);
  }

  /** Ask for the remaining finals and the end; a second time it does nothing. */
  sendStop() {
    if (this.takesAudio) this.#send("client stop", STOP);
  }

  /** Leave without waiting for anything. */
  sendClose() {
    if (!this.#hasClosed && this.#dialogue !== "closed") this.#close("client close", "");
  }

  /**
   * Take a message of the server.
   * @param {unknown} data As `MessageEvent.data`.
   * @param {number} now
   */
  receive(data, now) {
    if (this.#hasClosed || this.#dialogue === "closed") return;
    try {
      this.#accept(parseServer(data, this.#readResult), now);
    } catch (fault) {
      if (!(fault instanceof Violation)) throw fault;
      this.#fail(fault.message, false);
    }
  }

  /**
   * Take note that the connection is gone; 1006 for one that broke or never was.
   * @param {number} code
   */
  receiveClose(code) {
    if (this.#dialogue === "closed") return;
    if (code !== CloseCode.NORMAL && !isOver(this.#dialogue)) this.#note("server fault");
    this.#note("closed");
    this.#dialogue = "closed";
    this.#timerAt = null;
    this.#outgoing = [];
  }

  /**
   * Take note of the time; calling early or often does no harm.
   * @param {number} now
   */
  handleTimer(now) {
    if (this.#timerAt === null || now < this.#timerAt) return;
    this.#fail(`the server was not listening within ${this.#timeoutMs / 1000} s`, true);
  }

  /** Return the next message of the server or fact about the connection, or null. */
  nextEvent() {
    return this.#events.shift() ?? null;
  }

  /** Return what to write next, or null; nothing follows a close. */
  nextOutgoing() {
    return this.#outgoing.shift() ?? null;
  }

  /** @param {ServerMessage} message @param {number} now */
  #accept(message, now) {
    const input = inputOf(message.kind);
    if (input !== null) {
      const following = TRANSITIONS[this.#dialogue][input];
      if (following === undefined) throw new Violation(`the server broke the protocol: ${input} too early or late`);
      this.#dialogue = following;
      if (input === "server listening" || isOver(following)) this.#timerAt = null;
      else if (input === "server loading" && this.#timerAt !== null) this.#timerAt = now + this.#timeoutMs;
    }
    this.#events.push(message);
    if (input !== null) this.#note(input);
  }

  /** @param {Input} input */
  #note(input) {
    const state = connectionStateAfter(this.#state, input, this.#dialogue);
    if (state === this.#state) return;
    this.#state = state;
    this.#events.push({ kind: "state", state });
  }

  /** @param {string} reason @param {boolean} isTimeout */
  #fail(reason, isTimeout) {
    this.#events.push({ kind: "failed", reason, isTimeout });
    this.#note("server fault");
    this.#close("server fault", reason);
  }

  /** @param {Input} input @param {string | Uint8Array<ArrayBuffer>} message */
  #send(input, message) {
    this.#advance(input);
    this.#outgoing.push(message);
  }

  /** @param {Input} input @param {string} reason */
  #close(input, reason) {
    this.#advance(input);
    this.#timerAt = null;
    this.#hasClosed = true;
    // 1000, as a page may send no other code below 3000; a reason holds at most 123 bytes.
    this.#outgoing.push({ close: CloseCode.NORMAL, reason: reason.slice(0, 120) });
  }

  /** @param {Input} input */
  #advance(input) {
    const following = TRANSITIONS[this.#dialogue][input];
    if (following === undefined) throw new Error(`${input} while ${this.#dialogue}`);
    this.#dialogue = following;
  }
}
