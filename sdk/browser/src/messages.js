/**
 * Messages to text and back. What a server sends is read tolerantly, so that an old page survives a
 * newer server: unknown fields are skipped, unknown messages ignored.
 * @module
 */

/**
 * A word of a final.
 * @typedef {object} Word
 * @property {string} text Punctuation and case stay in it.
 * @property {number} startMs From the first sample of the audio.
 * @property {number} endMs Likewise.
 * @property {number} confidence 0 to 1.
 */

/**
 * The present guess at an utterance; replaces the partial before.
 * @typedef {object} PartialResult
 * @property {"partial"} kind
 * @property {string} text
 * @property {number} offsetMs How far into the audio it has heard.
 * @property {number | null} stability Probability that the final begins with this text; null: not measured.
 */

/**
 * The text of an utterance, which never changes. Empty text takes back what partials have shown.
 * @typedef {object} FinalResult
 * @property {"final"} kind
 * @property {string} text
 * @property {number} offsetMs How far into the audio it has heard.
 * @property {Word[] | null} words The words of `text` in order; null: not measured.
 * @property {string | null} speaker `Speaker N`; null: undecided, or not asked for.
 * @property {string | null} language ISO 639-1 code of what was heard; null: not checked.
 */

/** @typedef {PartialResult | FinalResult} Result */

/**
 * A result as a server sends it; `number` is the place of a final among those of its session, from 1; 0: it has none.
 * @typedef {PartialResult | (FinalResult & {number: number})} ServerResult
 */

/**
 * How far a session has come that can be gone on with.
 * @typedef {{epoch: string, receivedBytes: number}} Position
 */

/**
 * @typedef {{kind: "loading"} | {kind: "listening", sessionId: string, position: Position | null} | {kind: "stopped"}
 *   | {kind: "received", receivedBytes: number, replayFromBytes: number} | ShuttingDown
 *   | {kind: "error", error: string} | {kind: "unknown"} | ServerResult} ServerMessage
 */

/**
 * That the server goes down at this Unix time; `resume` is true where another one can go on with the session.
 * @typedef {{kind: "shutting down", atS: number, resume: unknown}} ShuttingDown
 */

/** @typedef {Record<string, unknown>} Fields */

/** Reads a result; null: it is none. @typedef {(fields: Fields) => ServerResult | null} ReadResult */

/** What is no message of this protocol. */
export class Violation extends Error {}

/**
 * Read one message of a server, or throw `Violation`.
 * @param {unknown} text What is no text is none.
 * @param {ReadResult} [readResult] How results are written.
 * @returns {ServerMessage}
 */
export function parseServer(text, readResult = readStandard) {
  const fields = readObject(text);
  return readNotice(fields) ?? readResult(fields) ?? { kind: "unknown" };
}

/**
 * Write the message that opens recognition.
 * @param {{key?: string, partials?: boolean, digits?: boolean}} wishes
 */
export function writeStart({ key, partials = true, digits = false }) {
  return JSON.stringify({
    action: "start",
    ...(key !== undefined && { key }),
    ...(!partials && { partial: false }),
    ...(digits && { actual_numbers: true }),
  });
}

/** The message that asks for what is still owed, and the end. */
export const STOP = '{"action":"stop"}';

/**
 * @param {unknown} text
 * @returns {Fields}
 */
function readObject(text) {
  let value;
  try {
    value = JSON.parse(/** @type {string} */ (text));
  } catch {}
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new Violation("the server sent what is no JSON object");
}

/**
 * @param {Fields} fields
 * @returns {ServerMessage | null}
 */
function readNotice(fields) {
  switch (fields.state) {
    case "loading":
    case "stopped":
      return { kind: fields.state };
    case "listening":
      return { kind: "listening", sessionId: readOptionalText(fields, "session_id") ?? "", position: readPosition(fields) };
    case "received":
      return {
        kind: "received",
        receivedBytes: readNumber(fields, "received_bytes"),
        replayFromBytes: readNumber(fields, "replay_from_bytes"),
      };
    case "shutting_down":
      return { kind: "shutting down", atS: readNumber(fields, "at"), resume: fields.resume };
  }
  return typeof fields.error === "string" ? { kind: "error", error: fields.error } : null;
}

/**
 * @param {Fields} fields
 * @returns {Position | null}
 */
function readPosition(fields) {
  if (fields.epoch == null) return null;
  return { epoch: readText(fields, "epoch"), receivedBytes: readNumber(fields, "received_bytes") };
}

/**
 * @param {Fields} fields
 * @returns {ServerResult | null}
 */
function readStandard(fields) {
  if (typeof fields.is_final !== "boolean") return null;
  const heard = { text: readText(fields, "text"), offsetMs: readNumber(fields, "offset_ms") };
  if (!fields.is_final) {
    const stability = fields.stability == null ? null : readNumber(fields, "stability");
    return { kind: "partial", ...heard, stability };
  }
  return {
    kind: "final",
    ...heard,
    words: readWords(fields, "words"),
    speaker: readOptionalText(fields, "speaker"),
    language: readOptionalText(fields, "language"),
    number: readFinalNumber(fields),
  };
}

/** @param {Fields} fields @param {string} name */
export function readText(fields, name) {
  const value = fields[name];
  if (typeof value !== "string") throw new Violation(`the server sent ${name} that is no string`);
  return value;
}

/** @param {Fields} fields @param {string} name */
export const readOptionalText = (fields, name) => (fields[name] == null ? null : readText(fields, name));

/** @param {Fields} fields */
export const readFinalNumber = (fields) => (fields.number == null ? 0 : readNumber(fields, "number"));

/** @param {Fields} fields @param {string} name */
function readNumber(fields, name) {
  const value = fields[name];
  if (!isNumber(value)) throw new Violation(`the server sent ${name} that is no number`);
  return value;
}

/**
 * @param {Fields} fields
 * @param {string} name
 * @returns {Word[] | null}
 */
export function readWords(fields, name) {
  const value = fields[name];
  if (value == null) return null;
  if (!Array.isArray(value)) throw new Violation(`the server sent ${name} that is no list`);
  return value.map((item) => {
    const [text, startMs, endMs, confidence] = Array.isArray(item) ? item : [];
    if (typeof text !== "string" || ![startMs, endMs, confidence].every(isNumber)) {
      throw new Violation(`the server sent ${name} that are none`);
    }
    return { text, startMs, endMs, confidence };
  });
}

/**
 * @param {unknown} value
 * @returns {value is number}
 */
function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}
