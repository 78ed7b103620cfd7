/**
 * Where the captioning server is, and how this site's pages get a token for it.
 * @module
 */

/** Put the address of yours here. */
export const SERVER = "ws://127.0.0.1:8000";

/**
 * Ask this site for a token; the SDK calls this before each connection.
 * @returns {Promise<string>}
 */
export async function fetchToken(url = "caption-token") {
  const answer = await fetch(url, { method: "POST" });
  if (!answer.ok) throw new Error(`this site made no token (HTTP ${answer.status})`);
  return (await answer.json()).token;
}
