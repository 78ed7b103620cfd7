/**
 * Files that a person takes along.
 * @module
 */

/** @import { Transcript } from "../sdk/transcript.js" */

/** @type {Record<string, {type: string, write: (transcript: Transcript) => string}>} */
const FORMATS = {
  txt: { type: "text/plain", write: (transcript) => transcript.toText() },
  srt: { type: "application/x-subrip", write: (transcript) => transcript.toSrt() },
  vtt: { type: "text/vtt", write: (transcript) => transcript.toVtt() },
  json: { type: "application/json", write: (transcript) => transcript.toJson() },
};

/** @param {Transcript} transcript @param {string} name */
export function download(transcript, name) {
  const format = FORMATS[name];
  if (!format) return;
  const link = document.createElement("a");
  const when = new Date().toISOString().slice(0, 16).replace("T", "-").replace(":", "");
  link.download = `captions-${when}.${name}`;
  link.href = URL.createObjectURL(new Blob([format.write(transcript)], { type: `${format.type};charset=utf-8` }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
