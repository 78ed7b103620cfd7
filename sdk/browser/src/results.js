/**
 * Results as an iteration.
 * @module
 */

/** @import { Result } from "./messages.js" */
/** @import { Told, Transcription } from "./transcription.js" */

/** @type {(keyof Told)[]} */
const NAMES = ["partial", "final", "error", "end"];

/**
 * The results of a transcription as they come, from now on.
 * @param {Transcription} transcription
 * @returns {AsyncGenerator<Result, void, void>}
 */
export async function* resultsOf(transcription) {
  /** @type {[keyof Told, unknown][]} */
  const told = [];
  let wake = () => {};
  const listeners = NAMES.map((name) =>
    transcription.on(name, (detail) => {
      told.push([name, detail]);
      wake();
    }),
  );
  try {
    for (;;) {
      const [name, detail] = told.shift() ?? [];
      if (name === "error") throw detail;
      if (name === "end") return;
      if (name) yield /** @type {Result} */ (detail);
      else await new Promise((resolve) => (wake = () => resolve(undefined)));
    }
  } finally {
    for (const end of listeners) end();
  }
}
