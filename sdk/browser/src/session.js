/**
 * One connection to a server: a `Connection` over a WebSocket, with its timer.
 * @module
 */

import { Connection } from "./connection.js";
import { CloseCode } from "./protocol.js";
import { Patience } from "./resuming.js";

/** @import { Address } from "./address.js" */
/** @import { ConnectionEvent } from "./connection.js" */

/**
 * Who is told.
 * @typedef {object} SessionListener
 * @property {(event: ConnectionEvent) => void} take
 * @property {(code: number, reason: string, hasOpened: boolean) => void} lose Comes once, at the end. `hasOpened`:
 *   the server had accepted the connection.
 */

const LOOK_MS = 250;
const CLOSE_TIMEOUT_MS = 2000; // a network that is gone does not answer, and nobody waits for it
const FINISH_TIMEOUT_MS = 60_000; // from the stop, or the latest word of the server after it

export class Session {
  #socket;
  #connection;
  #listener;
  #patience = new Patience();
  #tells = false; // the server, what it has received
  #hasOpened = false;
  /** @type {(string | ArrayBufferView<ArrayBuffer>)[]} */
  #early = []; // said before the server has accepted the connection
  #isLost = false;
  #timer;

  /**
   * @param {Address} address
   * @param {{isStream: boolean, timeoutMs: number, partials?: boolean, digits?: boolean}} wishes
   * @param {SessionListener} listener
   */
  constructor(address, { isStream, timeoutMs, ...wishes }, listener) {
    this.#listener = listener;
    this.#socket = new WebSocket(address.url, address.protocols);
    this.#socket.binaryType = "arraybuffer";
    this.#connection = new Connection({ now: performance.now(), isStream, timeoutMs });
    this.#socket.onopen = () => {
      this.#hasOpened = true;
      if (!isStream) this.#connection.sendStart(wishes);
      this.#settle();
      for (const message of this.#early.splice(0)) this.#send(message);
    };
    this.#socket.onmessage = ({ data }) => {
      const now = performance.now();
      this.#connection.receive(data, now);
      this.#settle();
      this.#patience.noteHeard(now, this.#tells);
    };
    this.#socket.onerror = () => {}; // says nothing; the close does
    this.#socket.onclose = ({ code, reason }) => this.lose(code, reason);
    this.#timer = setInterval(() => this.#tick(), Math.min(LOOK_MS, timeoutMs));
    this.#settle();
  }

  /** Whether audio, or a stop, still means anything. */
  get takesAudio() {
    return this.#connection.takesAudio;
  }

  /** What the browser has and the network has not taken, in bytes. */
  get bufferedBytes() {
    return this.#socket.bufferedAmount;
  }

  /** @param {Uint8Array<ArrayBuffer>} pcm */
  sendAudio(pcm) {
    this.#connection.sendAudio(pcm);
    this.#patience.noteSent(performance.now());
    this.#settle();
  }

  sendStop() {
    this.#connection.sendStop();
    this.#settle();
    this.#patience.expect(FINISH_TIMEOUT_MS, performance.now());
  }

  sendClose() {
    this.#connection.sendClose();
    this.#settle();
  }

  /** Write what is to be written, tell what is to be told, and wait for what is to come. */
  #settle() {
    if (this.#isLost) return;
    let event;
    while ((event = this.#connection.nextEvent()) !== null) {
      if (event.kind === "listening") this.#tells = event.position !== null;
      this.#listener.take(event);
    }
    let message;
    while (!this.#isLost && (message = this.#connection.nextOutgoing()) !== null) {
      if (typeof message === "string" || ArrayBuffer.isView(message)) this.#send(message);
      else this.#close(message);
    }
  }

  #tick() {
    const now = performance.now();
    this.#connection.handleTimer(now);
    this.#settle();
    if (this.#patience.isOver(now)) this.lose(CloseCode.BROKEN, "");
  }

  /** @param {string | ArrayBufferView<ArrayBuffer>} message */
  #send(message) {
    if (this.#hasOpened) this.#socket.send(message); // does nothing once it is closed
    else this.#early.push(message);
  }

  /** @param {{close: number, reason: string}} message */
  #close({ close, reason }) {
    this.#socket.close(close, reason);
    this.#patience.expect(CLOSE_TIMEOUT_MS, performance.now());
  }

  /** Have no connection any more; the session stays where the server keeps it. @param {number} code @param {string} reason */
  lose(code, reason) {
    if (this.#isLost) return;
    this.#connection.receiveClose(code);
    this.#settle();
    this.#isLost = true;
    clearInterval(this.#timer);
    this.#socket.close();
    this.#listener.lose(code, reason, this.#hasOpened);
  }
}
