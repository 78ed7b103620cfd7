/**
 * Live transcription of a source of audio, or of a stream that the server fetches.
 *
 *     const transcription = new Transcription({ token: fetchToken, language: "en" });
 *     transcription.on("partial", ({ text }) => (line.textContent = text));
 *     transcription.on("final", ({ text }) => page.append(text));
 *     await transcription.start(new Microphone());
 *     ...
 *     await transcription.stop();
 * @module
 */

import { addressOf } from "./address.js";
import { asError, messageOf, TranscriptionError } from "./errors.js";
import { BYTES_PER_MS, Outbox } from "./outbox.js";
import { Progress } from "./progress.js";
import { within, withResolvers } from "./promises.js";
import { CloseCode, LISTENING_TIMEOUT_MS } from "./protocol.js";
import { explainClose, explainRefusal } from "./endings.js";
import { Resuming } from "./resuming.js";
import { resultsOf } from "./results.js";
import { retryDelayMs } from "./retry.js";
import { Session } from "./session.js";

/** @import { Wishes } from "./address.js" */
/** @import { ConnectionEvent } from "./connection.js" */
/** @import { FinalResult, PartialResult, Position, Result } from "./messages.js" */
/** @import { Move } from "./moving.js" */
/** @import { ConnectionState } from "./protocol.js" */
/** @import { RetryPolicy } from "./retry.js" */
/** @import { Sink, Source } from "./sources.js" */

/**
 * @typedef {object} Options
 * @property {string | (() => string | Promise<string>)} token A key or a token; a function is called before each connection.
 * @property {boolean} [partials] Whether to tell them; it does unless told otherwise.
 * @property {boolean} [digits] Digits instead of number words; not of a stream.
 * @property {RetryPolicy | false} [retry] What to do when a connection is lost that had been listening. A
 *   stream whose session cannot be gone on with begins anew, so it is tried again then only if this is given.
 * @property {number} [timeoutMs] How long the server may take until it listens.
 */

/**
 * What `on` tells, by its name.
 * @typedef {object} Told
 * @property {ConnectionState} state It has changed.
 * @property {PartialResult} partial
 * @property {FinalResult} final An utterance is over.
 * @property {TranscriptionError} error What ended the transcription. It comes once, and `end` after it.
 * @property {{attempt: number, delayMs: number, error: TranscriptionError}} retry The connection was lost; another one follows.
 * @property {{startMs: number, endMs: number, reason: string}} gap Speech in it has no text.
 * @property {{atMs: number}} shutdown The server goes down; what has not ended is cut off then, in Unix ms. Another session follows by itself.
 * @property {{pcm: Uint8Array<ArrayBuffer>, startMs: number}} audio What the source brought.
 * @property {{rms: number, peak: number}} level Of the source.
 * @property {null} end Nothing follows.
 */

const MOST_BUFFERED_BYTES = 256 * 1024; // 8 s that the browser has and the network has not taken
const LOOK_AGAIN_MS = 50; // browsers do not tell when `bufferedAmount` has shrunk
const STEADY_MS = 60_000; // a session that has lasted as long was a good one

/** One transcription, over as many connections as it takes. */
export class Transcription {
  #options;
  #target = new EventTarget();
  #outbox = new Outbox();
  /** @type {Source | null} */
  #source = null;
  /** @type {TranscriptionError | null} */
  #sourceFailure = null;
  /** @type {Session | null} */
  #session = null;
  /** @type {Move | null} */
  #move = null; // to another session, while the server goes down
  /** @type {ConnectionState} */
  #state = "disconnected";
  /** @type {"new" | "running" | "stopping" | "ended"} */
  #phase = "new";
  #key = "";
  #progress = new Progress();
  #resuming = new Resuming();
  #failures = 0; // connections in a row that never listened
  /** @type {number | null} */
  #startedAtMs = null; // when a server first listened
  /** @type {number | null} */
  #listenedAtMs = null; // when the present one did
  #toldAtMs = 0; // when the server last said how far it is
  #isEndingSource = false;
  /** @type {{stopped?: true, isAbandoned?: true, error?: string, violation?: TranscriptionError}} */
  #ending = {};
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pumpTimer;
  #listening = withResolvers();
  /** @type {{promise: Promise<void>, resolve: () => void}} */
  #over = withResolvers();

  /** @param {Options & Wishes} options */
  constructor(options) {
    this.#options = options;
    this.#listening.promise.catch(() => {}); // who did not call `start` need not hear of it
  }

  /** What to show of the connection. */
  get state() {
    return this.#state;
  }

  /** The name of the session in the server's log; empty until it has listened. */
  get sessionId() {
    return this.#resuming.sessionId;
  }

  /** How much audio the source has brought, in ms. */
  get durationMs() {
    return this.#outbox.endMs;
  }

  /**
   * Call a function with each of these events; returns what ends that.
   * @template {keyof Told} Name
   * @param {Name} name
   * @param {(told: Told[Name]) => void} tell
   * @returns {() => void}
   */
  on(name, tell) {
    /** @param {Event} event */
    const listener = (event) => tell(/** @type {CustomEvent<Told[Name]>} */ (event).detail);
    this.#target.addEventListener(name, listener);
    return () => this.#target.removeEventListener(name, listener);
  }

  /**
   * Connect, and bring the source's audio; without a source the page calls `sendAudio`, or the
   * server fetches a stream. Resolves when the server listens, and rejects with a `TranscriptionError`.
   * @param {Source} [source]
   */
  async start(source) {
    if (this.#phase !== "new") throw new TranscriptionError("bad option", "start: a transcription is started once");
    if (this.#isStream && (source || this.#options.digits)) {
      throw new TranscriptionError("bad option", "a stream URL: it goes with no source, and with no digits");
    }
    this.#phase = "running";
    // First of all: it must follow the click that a browser wants to see before it lets a page listen.
    const opening = (async () => source?.start(this.#sinkFor()))();
    this.#source = source ?? null;
    await opening.catch((error) => this.#fail(asError(error)));
    if (this.#isRunning) await this.#connect();
    return this.#listening.promise;
  }

  /**
   * Send audio of your own: 16 kHz, mono, 16 bits, little-endian. Resolves when there is room for more.
   * @param {Uint8Array<ArrayBuffer>} pcm
   * @returns {Promise<void>}
   */
  sendAudio(pcm) {
    const isTaken = this.#phase === "running" || this.#isEndingSource;
    if (!isTaken || this.#isStream) return Promise.resolve();
    this.#tell("audio", { pcm, startMs: this.#outbox.endMs });
    this.#outbox.add(pcm);
    this.#pump();
    return this.#isRunning ? this.#outbox.room() : Promise.resolve();
  }

  /** End the source, and wait for the finals that are still owed. */
  async stop() {
    if (this.#phase === "running") {
      this.#phase = "stopping";
      this.#isEndingSource = true; // its last audio comes meanwhile
      await this.#endSource();
      this.#isEndingSource = false;
      const hasNothing = !this.#session && this.#outbox.endMs === 0 && !this.#isStream;
      if (this.#isRunning && hasNothing) this.#end();
      else this.#pump();
    }
    if (this.#phase !== "new") await this.#over.promise;
  }

  /** Leave without waiting for anything. */
  close() {
    if (!this.#isRunning) return;
    this.#session?.sendClose();
    this.#listening.reject(new TranscriptionError("closed", "closed before the server listened"));
    this.#end();
  }

  /**
   * The results as they come; ends with the transcription, and throws what ended it.
   * @returns {AsyncGenerator<Result, void, void>}
   */
  [Symbol.asyncIterator]() {
    return resultsOf(this);
  }

  // Connections.

  async #connect() {
    this.#show("connecting");
    try {
      await this.#findKey();
    } catch (cause) {
      return this.#retryOrFail(new TranscriptionError("unreachable", `no token: ${messageOf(cause)}`, { cause }));
    }
    if (!this.#isRunning) return;
    try {
      this.#adopt(this.#open(this.#resuming.parameters(this.#isStream ? undefined : this.#outbox.startBytes)));
      this.#pump(); // a stop, perhaps
    } catch (error) {
      this.#fail(asError(error));
    }
  }

  async #findKey() {
    const { token } = this.#options;
    this.#key = typeof token === "function" ? await within(this.#timeoutMs, token) : token;
  }

  /** @param {Record<string, unknown>} [back] */
  #open(back) {
    const address = addressOf(this.#options, this.#key, back);
    /** @type {Session} */
    const session = new Session(address, { ...this.#options, isStream: this.#isStream, timeoutMs: this.#timeoutMs }, {
      take: (event) => {
        if (event.kind === "listening" && this.#session !== session) this.#change(session);
        if (this.#session === session) this.#accept(event);
      },
      lose: (...how) => this.#session === session && void this.#lose(...how),
    });
    return session;
  }

  /** Another session, or server, follows while this one goes down. @param {import("./messages.js").ShuttingDown} event */
  async #prepareMove(event) {
    const from = this.#session;
    if (!from || this.#isStream || this.#options.resume === false) return;
    const { moveBy } = await import("./moving.js");
    this.#move = moveBy(this.#move, from, event, {
      isWanted: () => this.#session === from && this.#phase === "running",
      prepare: () => this.#findKey(),
      open: () => this.#open(),
    });
  }

  /** @param {Session} session That listens, and may be wanted no more. */
  #change(session) {
    const old = this.#session;
    if (!old || this.#phase !== "running" || !this.#move?.leads(old, session)) return session.sendClose();
    this.#adopt(session);
    this.#resuming.forget();
    old.sendClose();
  }

  /** @param {Session} session */
  #adopt(session) {
    this.#session = session;
    this.#ending = {};
    this.#listenedAtMs = null;
  }

  /** @param {number} code @param {string} reason @param {boolean} hasOpened */
  async #lose(code, reason, hasOpened) {
    this.#session = null;
    this.#move?.cancel();
    clearTimeout(this.#pumpTimer);
    if (this.#ending.stopped && this.#isOver(code)) return this.#end();
    const nowMs = performance.now();
    // What went out since the server was heard may have reached nobody; one that does not tell is not asked.
    this.#progress.pause(this.#resuming.isPossible ? this.#toldAtMs : nowMs);
    if (this.#ending.isAbandoned || (code === CloseCode.CANNOT_RESUME && this.#resuming.isPossible)) {
      this.#resuming.forget();
      if (this.#options.retry ?? !this.#isStream) return this.#connect();
    }
    if (nowMs - (this.#listenedAtMs ?? nowMs) > STEADY_MS) this.#failures = 0;
    const error =
      this.#ending.violation ??
      (hasOpened ? explainClose(this.#ending, code, reason) : await explainRefusal(this.#options.server, this.#key));
    if (this.#isRunning) this.#retryOrFail(error);
  }

  /** Whether what has stopped is all that there was: a server that goes down stops by itself, before it has read all. @param {number} code */
  #isOver(code) {
    // A stream that has stopped is over, even if the network goes before its close comes.
    const isAsked = this.#phase === "stopping";
    if (this.#isStream) return isAsked || code !== CloseCode.RESTART || !this.#options.retry;
    return this.#listenedAtMs !== null && this.#outbox.isEmpty && isAsked && code !== CloseCode.RESTART;
  }

  /** @param {TranscriptionError} error */
  #retryOrFail(error) {
    const { retry } = this.#options;
    const policy = retry ?? (this.#isStream && !this.#resuming.isPossible ? false : {});
    const delayMs =
      policy === false || this.#startedAtMs === null ? null : retryDelayMs(error, this.#failures, policy, Math.random());
    if (delayMs === null) return this.#fail(error);
    this.#failures++;
    this.#show("connecting");
    this.#tell("retry", { attempt: this.#failures, delayMs, error });
    this.#retryTimer = setTimeout(() => this.#connect(), delayMs);
  }

  // What comes and goes.

  /** @param {ConnectionEvent} event */
  #accept(event) {
    switch (event.kind) {
      case "listening":
        return this.#listen(event);
      case "received":
        if (this.#resuming.acknowledge(event)) this.#failures = 0;
        return this.#letGo();
      case "partial":
        if (this.#options.partials ?? true) this.#tell("partial", this.#progress.receive(event));
        return;
      case "final": {
        const { number, ...final } = event;
        if (!this.#resuming.takes(number)) return;
        const result = this.#progress.receive(final);
        this.#failures = 0;
        this.#letGo();
        this.#tell("final", result);
        return this.#move?.noteFinal();
      }
      case "error":
        this.#ending.error = event.error;
        return;
      case "failed":
        this.#ending.violation = new TranscriptionError(event.isTimeout ? "timeout" : "violation", event.reason);
        return;
      case "stopped":
        this.#ending.stopped = true;
        this.#resuming.forget();
        return this.#session?.sendClose();
      case "shutting down":
        this.#prepareMove(event).catch(() => {}); // it stays to the end
        return this.#tell("shutdown", { atMs: event.atS * 1000 });
      case "state":
        // How a connection ended is shown by what follows: another one, or the end.
        if (event.state !== "disconnected" && event.state !== "error") this.#show(event.state);
    }
  }

  /** @param {{sessionId: string, position: Position | null}} listening */
  #listen(listening) {
    if (this.#listenedAtMs !== null) return; // a stream that is read again, in the same session
    const nowMs = (this.#listenedAtMs = performance.now());
    const goesOnAt = this.#resuming.goOn(listening);
    if (goesOnAt === null) this.#begin(listening, nowMs);
    else if (!this.#isStream && !this.#outbox.seek(goesOnAt)) return this.#abandon();
    this.#listening.resolve();
    queueMicrotask(() => this.#pump()); // once the connection has told all that came
  }

  /**
   * Decide where in the audio this session begins, and tell what is between it and the last final.
   * @param {{sessionId: string, position: Position | null}} listening
   * @param {number} nowMs
   */
  #begin(listening, nowMs) {
    this.#outbox.takeDroppedMs(); // part of the gap
    const heardMs = this.#progress.heardMs(nowMs);
    this.#outbox.confirm(heardMs);
    this.#startedAtMs ??= nowMs;
    const baseMs = this.#isStream ? nowMs - this.#startedAtMs : this.#outbox.rewind(heardMs);
    this.#tellGap(heardMs, baseMs, "the connection was lost");
    this.#progress.begin(baseMs);
    this.#resuming.begin(listening, baseMs * BYTES_PER_MS);
  }

  /** Audio is gone that this session has not got: another one may. */
  #abandon() {
    this.#ending.isAbandoned = true;
    this.#session?.sendClose();
  }

  #letGo() {
    this.#toldAtMs = performance.now();
    this.#outbox.confirm(this.#progress.heardMs(this.#toldAtMs), this.#resuming.neededBytes);
  }

  /** Bring audio to the connection as long as it takes some, and the stop behind it. */
  #pump() {
    const session = this.#session;
    if (!session?.takesAudio || !(this.#isStream || this.#listenedAtMs !== null)) return;
    if (this.#outbox.takeDroppedMs() > 0) return this.#abandon(); // it takes nothing
    let piece;
    while (session.bufferedBytes < MOST_BUFFERED_BYTES && (piece = this.#outbox.take()) !== null) session.sendAudio(piece);
    clearTimeout(this.#pumpTimer);
    this.#progress.noteSent(this.#outbox.sentMs, performance.now());
    if (!this.#outbox.isEmpty) this.#pumpTimer = setTimeout(() => this.#pump(), LOOK_AGAIN_MS);
    else if (this.#phase === "stopping" && !this.#isEndingSource) session.sendStop();
  }

  // The source.

  /** @returns {Sink} */
  #sinkFor() {
    return {
      audio: (pcm) => this.sendAudio(pcm),
      level: (level) => this.#tell("level", level),
      gap: (ms, reason) => this.#tellGap(this.#outbox.endMs, this.#outbox.endMs + ms, reason),
      ended: () => void this.stop(),
      failed: (error) => {
        if (this.#phase !== "running") return;
        this.#sourceFailure = error;
        void this.stop();
      },
    };
  }

  async #endSource() {
    const source = this.#source;
    this.#source = null;
    try {
      await source?.stop();
    } catch (error) {
      this.#sourceFailure ??= asError(error);
    }
  }

  // The end.

  /** @param {TranscriptionError} error */
  #fail(error) {
    if (this.#phase === "ended") return;
    // A server that ends a session for our fault sends the finals of all it has heard.
    const isFinished = error.code === "session" && error.closeCode === CloseCode.CLIENT_FAULT;
    const heardMs = isFinished ? this.#outbox.sentMs : this.#progress.heardMs(performance.now());
    this.#tellGap(heardMs, this.#outbox.endMs, "the transcription ended before");
    this.#end(error);
  }

  /** @param {TranscriptionError | null} [error] */
  #end(error = this.#sourceFailure) {
    this.#phase = "ended";
    this.#session = null;
    this.#move?.cancel();
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#pumpTimer);
    this.#outbox.release();
    void this.#endSource();
    this.#show(error ? "error" : "disconnected");
    if (error) {
      this.#listening.reject(error);
      this.#tell("error", error);
    } else this.#listening.resolve();
    this.#tell("end", null);
    this.#over.resolve();
  }

  get #timeoutMs() {
    return this.#options.timeoutMs ?? LISTENING_TIMEOUT_MS;
  }

  get #isStream() {
    return this.#options.url !== undefined;
  }

  get #isRunning() {
    return this.#phase === "running" || this.#phase === "stopping";
  }

  // Telling.

  /** @param {ConnectionState} state */
  #show(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#tell("state", state);
  }

  /** @param {number} startMs @param {number} endMs @param {string} reason */
  #tellGap(startMs, endMs, reason) {
    if (endMs - startMs >= 1) this.#tell("gap", { startMs: Math.round(startMs), endMs: Math.round(endMs), reason });
  }

  /**
   * @template {keyof Told} Name
   * @param {Name} name
   * @param {Told[Name]} detail
   */
  #tell(name, detail) {
    this.#target.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
