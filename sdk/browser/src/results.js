/**
 * Results as an iteration.
 * @module
 */

/** @import { Result } from "./messages.js" */
/** @import { Transcription } from "./transcription.js" */
/** @import { TranscriptionError } from "./errors.js" */

/**
 * The results of a transcription as they come, from now on.
 * @param {Transcription} transcription
 * @returns {AsyncGenerator<Result, void, void>}
 */
export async function* resultsOf(transcription) {
  /** @type {Result[]} */
  const results = [];
  /** @type {TranscriptionError | null} */
  let failure = null;
  let hasEnded = false;
  let wake = () => {};
  /** @param {Result} result */
  const take = (result) => {
    results.push(result);
    wake();
  };
  const listeners = [
    transcription.on("partial", take),
    transcription.on("final", take),
    transcription.on("error", (error) => (failure = error)),
    transcription.on("end", () => {
      hasEnded = true;
      wake();
    }),
  ];
  try {
    while (results.length > 0 || !hasEnded) {
      const result = results.shift();
      if (result) yield result;
      else await new Promise((resolve) => (wake = () => resolve(undefined)));
    }
    if (failure) throw failure;
  } finally {
    for (const end of listeners) end();
  }
}
