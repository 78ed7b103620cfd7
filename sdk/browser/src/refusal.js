/**
 * What a server says that has refused a connection, in words; loaded once one has.
 * @module
 */

/** @type {Record<number, string>} */
const SENTENCES = {
  401: "the key or token was refused: it is unknown, has expired or was revoked",
  403: "the key or token may not be used from this page",
  429: "too many sessions or wrong keys",
  503: "the server is busy",
};

/**
 * @param {Response} answer
 * @returns {Promise<string>}
 */
export async function wordsOf(answer) {
  const { host } = new URL(answer.url);
  if (answer.ok) return `${host} is there but refused the connection; a proxy in between may not pass WebSockets on`;
  const words = await answer.json().then(({ message, error }) => message ?? error, () => "");
  const said = typeof words === "string" && words ? ` (${words})` : "";
  return `${SENTENCES[answer.status] ?? `refused with HTTP ${answer.status}`}${said}`;
}
