/**
 * Why a microphone or the sound of a screen cannot be had, in words; loaded once there is a reason to.
 * @module
 */

import { TranscriptionError } from "./errors.js";

/** @typedef {keyof typeof DENIED | keyof typeof MISSING | "no sound"} Trouble */

const DENIED = {
  microphone: "this page may not use the microphone: allow it in the browser, beside the page's address, and try again",
  screen: "nothing was shared: choose a tab or a screen, and share its sound",
};
const MISSING = {
  "no microphone": "a page may use a microphone only over https, or on this machine",
  "no screen": "this browser cannot share the sound of a tab",
  "no audio thread": "this browser has no AudioWorklet",
};

/**
 * @param {Trouble} what
 * @param {unknown} cause What the browser says.
 */
export function explainTrouble(what, cause) {
  if (what === "no sound") return new TranscriptionError("no device", "no sound: what was chosen has no audio track");
  if (what in MISSING) return new TranscriptionError("unsupported", MISSING[/** @type {keyof typeof MISSING} */ (what)]);
  const name = cause instanceof Error ? cause.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") {
    return new TranscriptionError("denied", DENIED[/** @type {keyof typeof DENIED} */ (what)], { cause });
  }
  const isMissing = name === "NotFoundError" || name === "OverconstrainedError";
  const words = isMissing ? "none was found: plug one in, or choose another" : "it cannot be used: another program may have it";
  return new TranscriptionError("no device", `microphone or screen: ${words}`, { cause });
}
