// A server that does what a test says, on a real socket.
import { createServer } from "node:http";
import { once } from "node:events";
import { WebSocket, WebSocketServer } from "ws";

globalThis.WebSocket = /** @type {any} */ (WebSocket);

/** What one client says, and what is said to it. */
export class Peer {
  /** @type {(string | Buffer | {close: number})[]} */
  #heard = [];
  #wake = () => {};

  /** @param {WebSocket} socket @param {import("node:http").IncomingMessage} request */
  constructor(socket, request) {
    this.socket = socket;
    this.path = request.url ?? "";
    this.offered = request.headers["sec-websocket-protocol"];
    socket.on("message", (data, isBinary) => this.#hear(isBinary ? /** @type {Buffer} */ (data) : data.toString()));
    socket.on("close", (close) => this.#hear({ close }));
  }

  /** @param {string | Buffer | {close: number}} what */
  #hear(what) {
    this.#heard.push(what);
    this.#wake();
  }

  /** The next message, or the close. */
  async hear() {
    while (this.#heard.length === 0) await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    return /** @type {string | Buffer | {close: number}} */ (this.#heard.shift());
  }

  /** @param {number} bytes */
  async hearAudio(bytes) {
    /** @type {Uint8Array[]} */
    const pieces = [];
    for (let length = 0; length < bytes; ) {
      const piece = await this.hear();
      if (!Buffer.isBuffer(piece)) throw new Error(`audio expected, not ${JSON.stringify(piece)}`);
      pieces.push(piece);
      length += piece.length;
    }
    return Buffer.concat(pieces);
  }

  /** @param {object} message */
  say(message) {
    this.socket.send(JSON.stringify(message));
  }

  /** What is asked for in the address. */
  get asked() {
    return Object.fromEntries(new URL(this.path, "ws://host").searchParams);
  }

  /** Take the start, and listen. @param {object} [position] Of a session that can be gone on with. */
  async listen(position) {
    const start = await this.hear();
    this.say({ state: "listening", session_id: "0".repeat(32), ...position });
    return JSON.parse(/** @type {string} */ (start));
  }
}

/**
 * @param {{after: (end: () => void) => void}} context
 * @param {{refusal?: () => [number, object, Record<string, string>?] | null}} [behaviour] How the handshake and REST are refused.
 */
export async function serve(context, { refusal = () => null } = {}) {
  const http = createServer((_, response) => {
    const [status, body, headers = {}] = refusal() ?? [200, { ready: true }];
    response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
  });
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false });
  /** @type {Peer[]} */
  const peers = [];
  let wake = () => {};
  http.on("upgrade", (request, socket, head) => {
    const refused = refusal();
    if (refused) return socket.end(`HTTP/1.1 ${refused[0]} No\r\nContent-Length: 0\r\n\r\n`);
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      peers.push(new Peer(webSocket, request));
      wake();
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  context.after(() => {
    for (const socket of sockets.clients) socket.terminate();
    http.closeAllConnections();
    http.close();
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (http.address());
  return {
    server: `ws://127.0.0.1:${port}`,
    async peer() {
      while (peers.length === 0) await new Promise((resolve) => (wake = () => resolve(undefined)));
      return /** @type {Peer} */ (peers.shift());
    },
  };
}

/**
 * Note everything that a transcription tells.
 * @param {import("../src/transcription.js").Transcription} transcription
 * @param {(keyof import("../src/transcription.js").Told)[]} names
 */
export function noteOf(transcription, ...names) {
  /** @type {any[]} */
  const told = [];
  for (const name of names) transcription.on(name, (detail) => told.push([name, detail]));
  return told;
}
