/**
 * Whether and when to connect again.
 * @module
 */

import { CloseCode } from "./protocol.js";

/** @import { TranscriptionError } from "./errors.js" */

/**
 * How a lost connection is tried again.
 * @typedef {object} RetryPolicy
 * @property {number} [attempts] How often in a row, 8 unless told otherwise; 0 is never.
 * @property {number} [firstDelayMs] Before the first attempt: 500; each further one waits twice as long.
 * @property {number} [longestDelayMs] At most this long: 15,000.
 * @property {(error: TranscriptionError) => boolean} [isFinal] Whether it is of no use to try again after this.
 */

/** @type {(number | undefined)[]} */
const PASSING = [
  CloseCode.GOING_AWAY,
  CloseCode.BROKEN,
  CloseCode.SERVER_FAULT,
  CloseCode.RESTART,
  CloseCode.TRY_AGAIN_LATER,
];

/**
 * Tell whether it is of no use to try again: the fault is in what was asked for, or in the key.
 * @param {TranscriptionError} error
 */
export function isFinal(error) {
  if (error.code === "unreachable" || error.code === "timeout") return false;
  if (error.code === "refused") return error.status !== 503 && error.status !== 429;
  return !PASSING.includes(error.closeCode);
}

/**
 * Return how long to wait before the next attempt in ms, or null for no attempt.
 * @param {TranscriptionError} error What ended the connection.
 * @param {number} failures How many attempts in a row have failed.
 * @param {RetryPolicy} policy
 * @param {number} chance 0 to 1: waits differ by a quarter, so that not all pages come back at once.
 */
export function retryDelayMs(error, failures, policy, chance) {
  const { attempts = 8, firstDelayMs = 500, longestDelayMs = 15_000 } = policy;
  if (failures >= attempts || (policy.isFinal ?? isFinal)(error)) return null;
  const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** failures) * (0.75 + chance / 2);
  return Math.max(delayMs, error.retryAfterMs ?? 0);
}
