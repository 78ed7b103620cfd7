/**
 * What the page says in words.
 * @module
 */

/** @import { ConnectionState, TranscriptionError } from "../sdk/index.js" */

/** @type {Record<ConnectionState, string>} */
export const STATES = {
  disconnected: "Not connected",
  connecting: "Connecting…",
  loading: "Getting ready…",
  listening: "Listening",
  connected: "Captioning",
  error: "Stopped by a problem",
};

/** What to do about it, where there is more to say than happened. @type {Record<string, string>} */
const ADVICE = {
  refused: "Press Start to try again, or use another key under “Language and options”.",
  unreachable: "Look whether the server runs, and press Start to try again.",
  timeout: "Press Start to try again.",
  closed: "Press Start to go on; the transcript stays.",
  session: "Press Start to begin again; the transcript stays.",
  violation: "There may be another server at this address.",
  unplugged: "Plug it in or choose another source, and press Start.",
  "no device": "",
  denied: "",
};

/** @param {TranscriptionError} error */
export function explain({ code, message }) {
  const said = message.charAt(0).toUpperCase() + message.slice(1);
  const sentence = /[.!?]$/.test(said) ? said : `${said}.`;
  return `${sentence} ${ADVICE[code] ?? ""}`.trim();
}

/** The name of a language in the browser's own language. @param {string} code */
export function languageName(code) {
  try {
    return new Intl.DisplayNames(undefined, { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}
