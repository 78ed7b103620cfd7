/**
 * Why a connection never was. A browser does not tell a page what a refused handshake said, so
 * the server is asked once more by HTTP.
 * @module
 */

import { routeOf } from "./address.js";
import { TranscriptionError } from "./errors.js";
import { CloseCode } from "./protocol.js";

const PATIENCE_MS = 5000;

/**
 * Return the reason, as far as it can be found out.
 * @param {string | undefined} server
 * @param {string} key
 * @param {typeof globalThis.fetch} fetch
 * @returns {Promise<TranscriptionError>}
 */
export async function explainRefusal(server, key, fetch) {
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
