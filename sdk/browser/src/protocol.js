/**
 * The words of the wire: states, inputs, close codes, and the one table of what is legal when.
 *
 * The twin of the server's own table: `protocol/vectors` is played through both. A dialogue moves
 * forward only, and may skip ahead:
 *
 *     awaiting start -> starting -> listening -> flushing -> closing -> closed   (pushed audio)
 *                        opening -> pulling   -> flushing -> closing -> closed   (stream mode)
 *
 * An input that is not in the table of its state is a violation by its sender.
 * @module
 */

/**
 * How far a dialogue has come.
 * @typedef {"awaiting start" | "starting" | "listening" | "opening" | "pulling" | "flushing" | "closing" | "closed"} DialogueState
 */

/**
 * Who sent what.
 * @typedef {"client start" | "client audio" | "client stop" | "client close" | "server loading"
 *   | "server listening" | "server result" | "server error" | "server shutting down"
 *   | "server stopped" | "server fault" | "closed"} Input
 */

/**
 * What is shown of a connection: `disconnected` before and after, `connecting` until the server says
 * something, `loading` while it loads a model or opens a stream, `listening` when it is ready,
 * `connected` from the first result on, `error` when something went wrong.
 * @typedef {"disconnected" | "connecting" | "loading" | "listening" | "connected" | "error"} ConnectionState
 */

/** The close codes of the protocol. */
export const CloseCode = Object.freeze({
  NORMAL: 1000,
  GOING_AWAY: 1001,
  /** No close at all: the connection broke, or the handshake was refused. */
  BROKEN: 1006,
  CLIENT_FAULT: 1008,
  MESSAGE_TOO_BIG: 1009,
  SERVER_FAULT: 1011,
  RESTART: 1012,
  TRY_AGAIN_LATER: 1013,
  /** Another connection goes on with this session. */
  RESUMED_ELSEWHERE: 4409,
  /** The session that was asked for cannot be gone on with. */
  CANNOT_RESUME: 4410,
});

/** What to tell a person about a close that nobody asked for, by its code. */
export const CLOSE_HINTS = Object.freeze(
  /** @type {Record<number, string>} */ ({
    [CloseCode.GOING_AWAY]: "the server is restarting",
    [CloseCode.BROKEN]: "the connection broke",
    [CloseCode.MESSAGE_TOO_BIG]: "a message was larger than this server takes",
    [CloseCode.SERVER_FAULT]: "the server failed; its log says why",
    [CloseCode.RESTART]: "the server is restarting",
    [CloseCode.TRY_AGAIN_LATER]: "the server is busy",
  }),
);

/** How long a server may take until it listens, or says again that it is loading. */
export const LISTENING_TIMEOUT_MS = 15_000;

/** @type {Partial<Record<Input, DialogueState>>} */
const BEFORE_FLUSHING = {
  "client stop": "flushing",
  "client close": "closing",
  "server stopped": "closing",
  "server fault": "closing",
  closed: "closed",
};

/**
 * @param {DialogueState} state
 * @param {Input[]} inputs
 * @returns {Partial<Record<Input, DialogueState>>}
 */
const staysOn = (state, ...inputs) => Object.fromEntries(inputs.map((input) => [input, state]));

/**
 * Where each input leads in each state.
 * @type {Readonly<Record<DialogueState, Partial<Record<Input, DialogueState>>>>}
 */
export const TRANSITIONS = Object.freeze({
  "awaiting start": {
    ...BEFORE_FLUSHING,
    ...staysOn("awaiting start", "server loading", "server error", "server shutting down"),
    "client start": "starting",
  },
  starting: {
    ...BEFORE_FLUSHING,
    ...staysOn("starting", "client audio", "server loading", "server error", "server shutting down"),
    "server listening": "listening",
  },
  listening: {
    ...BEFORE_FLUSHING,
    ...staysOn("listening", "client audio", "server result", "server error", "server shutting down"),
  },
  opening: {
    ...BEFORE_FLUSHING,
    ...staysOn("opening", "client start", "server loading", "server error", "server shutting down"),
    "server listening": "pulling",
  },
  pulling: {
    ...BEFORE_FLUSHING,
    ...staysOn("pulling", "client start", "server loading", "server listening"),
    ...staysOn("pulling", "server result", "server error", "server shutting down"),
  },
  flushing: {
    ...staysOn("flushing", "client start", "client audio", "client stop", "server loading"),
    ...staysOn("flushing", "server listening", "server result", "server error"),
    ...staysOn("flushing", "server shutting down"),
    "client close": "closing",
    "server stopped": "closing",
    "server fault": "closing",
    closed: "closed",
  },
  closing: {
    ...staysOn("closing", "client start", "client audio", "client stop", "client close"),
    ...staysOn("closing", "server fault"),
    closed: "closed",
  },
  closed: {},
});

/**
 * Tell whether what a client sends in this state still means anything.
 * @param {DialogueState} state
 */
export const isListenedTo = (state) => state !== "flushing" && !isOver(state);

/**
 * Tell whether the last message of this dialogue has been sent.
 * @param {DialogueState} state
 */
export const isOver = (state) => state === "closing" || state === "closed";

/** @type {Partial<Record<Input, ConnectionState>>} */
const REACHED = {
  "server loading": "loading",
  "server listening": "listening",
  "server result": "connected",
  "server error": "error",
  "server fault": "error",
  closed: "disconnected",
};

/** @type {ConnectionState[]} */
const ORDER = ["connecting", "loading", "listening", "connected", "disconnected", "error"];

/**
 * Return what to show once the input has come. It moves forward, and only while a stream is pulled
 * goes back to `loading`, until its source is read again.
 * @param {ConnectionState} state
 * @param {Input} input
 * @param {DialogueState} dialogue
 * @returns {ConnectionState}
 */
export function connectionStateAfter(state, input, dialogue) {
  if (dialogue === "pulling" && state !== "disconnected" && state !== "error") {
    const isReopening = state === "loading" && input === "server result";
    if (isReopening || input === "server loading") return "loading";
  }
  const reached = REACHED[input] ?? state;
  return ORDER.indexOf(reached) > ORDER.indexOf(state) ? reached : state;
}
