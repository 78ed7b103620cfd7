/**
 * Why a connection never was. A browser does not tell a page what a refused handshake said, so
 * the server is asked once more by HTTP.
 * @module
 */

import { routeOf } from "./address.js";
import { TranscriptionError } from "./errors.js";
import { CloseCode } from "./protocol.js";

const PATIENCE_MS = 5000;

/** @type {Record<number, string>} */
const SENTENCES = {
  401: "the key or token was refused: it is unknown, has expired or was revoked",
  403: "the key or token may not be used from this page",
  429: "too many sessions or wrong keys",
  503: "the server is busy",
};

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
  const { host } = new URL(url);
  let answer;
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    answer = await fetch(url, { headers: { "x-api-key": key }, credentials: "omit", cache: "no-store", signal });
  } catch (cause) {
    const message = `cannot reach ${host}: is the server running there, and does it let this page in (--allow-origin)?`;
    return new TranscriptionError("unreachable", message, { closeCode, cause });
  }
  const { status } = answer;
  if (answer.ok) {
    const message = `${host} is there but refused the connection; a proxy in between may not pass WebSockets on`;
    return new TranscriptionError("unreachable", message, { closeCode, status });
  }
  const words = await answer.json().then(({ message, error }) => message ?? error, () => "");
  const retryAfterS = Number(answer.headers.get("Retry-After") ?? NaN);
  const said = typeof words === "string" && words ? ` (${words})` : "";
  return new TranscriptionError("refused", `${SENTENCES[status] ?? `refused with HTTP ${status}`}${said}`, {
    closeCode,
    status,
    retryAfterMs: Number.isFinite(retryAfterS) ? retryAfterS * 1000 : undefined,
  });
}
