/**
 * Why a connection has ended, or never was. A browser does not tell a page what a refused handshake said, so
 * the server is asked once more by HTTP.
 * @module
 */

import { routeOf } from "./address.js";
import { TranscriptionError } from "./errors.js";
import { CLOSE_HINTS, CloseCode } from "./protocol.js";

const PATIENCE_MS = 5000;

/**
 * @param {{stopped?: true, error?: string}} told What the server had said.
 * @param {number} code
 * @param {string} reason
 */
export function explainClose({ stopped, error }, code, reason) {
  const closeCode = stopped ? CloseCode.RESTART : code; // it stopped by itself
  if (error && !stopped) return new TranscriptionError("session", error, { closeCode });
  const hint = CLOSE_HINTS[closeCode] ?? reason;
  return new TranscriptionError("closed", `the connection was closed (${closeCode}): ${hint || "no reason was given"}`, { closeCode });
}

/**
 * Return the reason, as far as it can be found out.
 * @param {string | undefined} server
 * @param {string} key
 * @returns {Promise<TranscriptionError>}
 */
export async function explainRefusal(server, key) {
  const closeCode = CloseCode.BROKEN;
  const url = routeOf(server, "/api/v4/realtime/status");
  let answer;
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    answer = await fetch(url, { headers: { "x-api-key": key }, credentials: "omit", cache: "no-store", signal });
  } catch (cause) {
    const message = `cannot reach ${new URL(url).host}: is the server running there, and does it let this page in (--allow-origin)?`;
    return new TranscriptionError("unreachable", message, { closeCode, cause });
  }
  const { status } = answer;
  const retryAfterS = answer.headers.get("Retry-After");
  const retryAfterMs = Number(retryAfterS ?? NaN) * 1000 || undefined;
  const words = await import("./refusal.js").then(({ wordsOf }) => wordsOf(answer), () => `refused (${status})`);
  return new TranscriptionError(answer.ok ? "unreachable" : "refused", words, { closeCode, status, retryAfterMs });
}
