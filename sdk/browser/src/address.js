/**
 * Where to connect to, and what can be checked before.
 * @module
 */

import { TranscriptionError } from "./errors.js";

/**
 * What is asked for; what is left out is as the server likes it.
 * @typedef {object} Wishes
 * @property {string} [server] Its address, `wss://host` or `https://host`; left out: where the page came from.
 * @property {string} [url] Of a stream that the server is to fetch; left out: the page sends the audio.
 * @property {"fast" | "quality"} [mode] `quality` hears better and later.
 * @property {string} [language] ISO 639-1 code, or `auto`.
 * @property {string[]} [languages] Among which `auto` finds out.
 * @property {number} [endpointingMs] Silence that ends an utterance, 100 to 5000.
 * @property {boolean} [diarize] Whether to tell speakers apart; it does unless told otherwise.
 * @property {"fast" | "realtime"} [pace] Of a finite stream.
 * @property {number} [track] Of a stream with several, from 1.
 * @property {boolean} [resume] Whether the server keeps the session for a while when its connection is lost, and this
 *   goes on with it; it does unless told otherwise.
 */

/** @typedef {{url: string, protocols: string[]}} Address */

const TOKEN_CHARACTERS = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/; // RFC 7230: no other can be a subprotocol
const VISIBLE = /^[!-~]+$/;

/**
 * Return where to connect to. The key goes as a subprotocol, so that it stands in no address and
 * no log of a proxy; one with other characters than those allowed there goes into the address.
 * Throws `TranscriptionError` for what cannot be asked for.
 * @param {Wishes} wishes
 * @param {string | null | undefined} key
 * @param {Record<string, unknown>} [back] Which session it is to go on with, as `Resuming` says.
 * @returns {Address}
 */
export function addressOf(wishes, key, back) {
  if (!key) {
    throw new TranscriptionError("missing token", "missing token: give a key or a token of this server");
  }
  if (!VISIBLE.test(key)) {
    throw new TranscriptionError("bad option", "token: look for a space, a line break or an accent in it");
  }
  const isStream = wishes.url !== undefined;
  if (isStream) checkStreamUrl(/** @type {string} */ (wishes.url));
  const address = serverAddress(wishes.server);
  const isProtocol = TOKEN_CHARACTERS.test(key);
  const path = isStream ? `/v2/client/${isProtocol ? "-" : encodeURIComponent(key)}` : "/v2/realtime";
  address.pathname = address.pathname.replace(/\/+$/, "") + path;
  for (const [name, value] of parametersOf(wishes, back)) address.searchParams.set(name, value);
  if (!isProtocol && !isStream) address.searchParams.set("token", key);
  return { url: address.href, protocols: isProtocol ? ["token", key] : [] };
}

/**
 * Return the address of an HTTP route of the same server.
 * @param {string | undefined} server
 * @param {string} path
 */
export function routeOf(server, path) {
  const address = serverAddress(server);
  address.protocol = address.protocol === "wss:" ? "https:" : "http:";
  address.pathname = address.pathname.replace(/\/+$/, "") + path;
  return address.href;
}

/** @param {string | undefined} server */
function serverAddress(server) {
  const given = server ?? globalThis.location?.origin ?? "";
  const address = parsed(given.replace(/^http/i, "ws"));
  const isUsable = address && /^wss?:$/.test(address.protocol) && !address.search && !address.hash && !address.username;
  if (!isUsable) {
    throw new TranscriptionError("bad option", "server: expected an address without parameters, such as wss://stt.example");
  }
  return address;
}

/** @param {string} url */
function checkStreamUrl(url) {
  if (parsed(url) && /^https?:\/\/[^/]/i.test(url)) return;
  const code = url.trim() === "" ? "missing url" : "bad option";
  throw new TranscriptionError(code, "url: expected the http:// or https:// address of a stream"); // it may hold credentials
}

/** `URL.parse`, which is younger than some browsers in use. @param {string} url */
function parsed(url) {
  try {
    return new URL(url);
  } catch {
    return null;
  }
}

/** @param {Wishes} wishes @param {Record<string, unknown>} [back] */
function parametersOf(wishes, back) {
  const given = {
    results: "standard", // a server may have another shape by default
    url: wishes.url,
    type: wishes.mode,
    language: wishes.language,
    languages: wishes.languages?.join(","),
    endpointing: wishes.endpointingMs,
    diarize: wishes.diarize,
    pace: wishes.pace,
    track: wishes.track,
    resume: wishes.resume ?? true ? true : undefined,
    ...back,
  };
  return Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [/** @type {[string, string]} */ ([name, String(value)])],
  );
}
