/**
 * Live captions in a web page.
 * @module
 */

export { TranscriptionError } from "./errors.js";
export { CLOSE_HINTS, CloseCode } from "./protocol.js";
export { isFinal } from "./retry.js";
export { FileSource, listMicrophones, Microphone, StreamSource, TabAudio } from "./sources.js";
export { Transcription } from "./transcription.js";

/** @typedef {import("./messages.js").FinalResult} FinalResult */
/** @typedef {import("./messages.js").PartialResult} PartialResult */
/** @typedef {import("./messages.js").Result} Result */
/** @typedef {import("./messages.js").Word} Word */
/** @typedef {import("./protocol.js").ConnectionState} ConnectionState */
/** @typedef {import("./retry.js").RetryPolicy} RetryPolicy */
/** @typedef {import("./address.js").Wishes} Wishes */
/** @typedef {import("./errors.js").FailureCode} FailureCode */
/** @typedef {import("./transcription.js").Options} Options */
/** @typedef {import("./sources.js").Sink} Sink */
/** @typedef {import("./sources.js").Source} Source */
/** @typedef {import("./transcription.js").Told} Told */
