/**
 * The older shape of results, which clients of the hosted service expect. `Transcription` asks for the other one.
 * @module
 */

import { readFinalNumber, readOptionalText, readText, readWords } from "./messages.js";

/** @import { Fields, ServerResult } from "./messages.js" */

/**
 * @param {Fields} fields
 * @returns {ServerResult | null}
 */
export function readLegacy(fields) {
  if ("partial" in fields) {
    return { kind: "partial", text: readText(fields, "partial"), offsetMs: 0, stability: null };
  }
  if (!("text" in fields)) return null;
  const words = readWords(fields, "result");
  return {
    kind: "final",
    text: readText(fields, "text"),
    offsetMs: words?.at(-1)?.endMs ?? 0,
    words,
    speaker: readOptionalText(fields, "speaker"),
    language: null,
    number: readFinalNumber(fields),
  };
}
