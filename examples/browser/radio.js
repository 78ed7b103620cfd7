/**
 * Captions of a radio station: the server fetches the stream, the page shows what is said.
 * @module
 */

import { Transcription } from "./scribewire/index.js";
import { fetchToken, SERVER } from "./captions_server.js";

const form = /** @type {HTMLFormElement} */ (document.querySelector("form"));
const url = /** @type {HTMLInputElement} */ (document.querySelector("#url"));
const stop = /** @type {HTMLButtonElement} */ (document.querySelector("#stop"));
const state = /** @type {HTMLElement} */ (document.querySelector("#state"));
const finals = /** @type {HTMLElement} */ (document.querySelector("#finals"));
const partial = /** @type {HTMLElement} */ (document.querySelector("#partial"));
const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  caption(url.value);
});

/** @param {string} url */
function caption(url) {
  const radio = new Transcription({
    server: SERVER,
    token: fetchToken,
    url,
    retry: {}, // a live stream goes on elsewhere; without this a lost connection ends it
  });
  radio.on("state", (now) => (state.textContent = now));
  radio.on("partial", ({ text }) => (partial.textContent = text));
  radio.on("final", ({ text, offsetMs }) => {
    partial.textContent = "";
    if (text) addLine(`${clock(offsetMs)} ${text}`);
  });
  radio.on("gap", ({ startMs, endMs }) => addLine(`${clock(startMs)} (${Math.round((endMs - startMs) / 1000)} s are missing)`));
  radio.on("retry", ({ error }) => addLine(`${error.message}; connecting again`));
  radio.on("error", (error) => addLine(error.message));
  radio.on("end", () => showRunning(false));
  stop.onclick = () => radio.stop(); // with the finals that are still owed
  showRunning(true);
  radio.start().catch(() => {}); // "error" has told it
}

/** @param {boolean} isRunning */
function showRunning(isRunning) {
  button.disabled = isRunning;
  stop.disabled = !isRunning;
}

/** @param {string} text */
function addLine(text) {
  const line = document.createElement("p");
  line.textContent = text; // never as HTML: what is said on a radio is not yours
  finals.append(line);
}

/** @param {number} ms */
const clock = (ms) => new Date(ms).toISOString().slice(11, 19);
