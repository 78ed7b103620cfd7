/**
 * Everything that can go wrong, by what a person can do about it.
 * @module
 */

/**
 * What went wrong, for programs:
 *
 * - `missing token`, `missing url`, `bad option`: nothing was sent;
 * - `refused`: the server answered and let nobody in; `status` says why, `retryAfterMs` when to come back;
 * - `unreachable`: no server answered, or a network between here and there does not let it;
 * - `timeout`: it was not listening in time;
 * - `session`: the server ended the session with an error, whose words are the message;
 * - `closed`: the connection ended before anybody asked for it;
 * - `violation`: what came is not this protocol;
 * - `denied`, `no device`, `unplugged`, `unsupported`, `unreadable`: of microphones, tabs and files.
 * @typedef {"missing token" | "missing url" | "bad option" | "refused" | "unreachable" | "timeout"
 *   | "session" | "closed" | "violation" | "denied" | "no device" | "unplugged" | "unsupported"
 *   | "unreadable"} FailureCode
 */

/** What is thrown and told; its message says what happened and what to do. */
export class TranscriptionError extends Error {
  /**
   * @param {FailureCode} code
   * @param {string} message
   * @param {{closeCode?: number, status?: number, retryAfterMs?: number, cause?: unknown}} [more]
   */
  constructor(code, message, more = {}) {
    super(message, { cause: more.cause });
    this.name = "TranscriptionError";
    /** What went wrong, for programs. */
    this.code = code;
    /** The WebSocket close code, where a connection was closed. */
    this.closeCode = more.closeCode;
    /** The HTTP status, where the connection was refused and the server told us why. */
    this.status = more.status;
    /** When to try again, where the server said so. */
    this.retryAfterMs = more.retryAfterMs;
  }
}

/** @param {unknown} error */
export function asError(error) {
  if (error instanceof TranscriptionError) return error;
  return new TranscriptionError("unreadable", messageOf(error), { cause: error });
}

/** @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
