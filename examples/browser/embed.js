/**
 * Captions under the player of a site that is not the captioning server: its pages hear what the
 * player plays, and this site gives each a token.
 * @module
 */

import { StreamSource, Transcription } from "./scribewire/index.js";
import { fetchToken, SERVER } from "./captions_server.js";

const player = /** @type {HTMLAudioElement} */ (document.querySelector("audio"));
const button = /** @type {HTMLButtonElement} */ (document.querySelector("#captions"));
const lines = /** @type {HTMLElement} */ (document.querySelector("#lines"));
const partial = /** @type {HTMLElement} */ (document.querySelector("#partial"));
const problem = /** @type {HTMLElement} */ (document.querySelector("#problem"));

/** @type {MediaStream | undefined} */
let sound;
/** @type {Transcription | null} */
let running = null;

button.addEventListener("click", () => void (running ? running.stop() : begin()));
player.addEventListener("ended", () => void running?.stop());

async function begin() {
  sound ??= soundOf(player);
  const captions = (running = new Transcription({ server: SERVER, token: fetchToken }));
  problem.textContent = "";
  captions.on("partial", ({ text }) => (partial.textContent = text));
  captions.on("final", ({ text }) => {
    partial.textContent = "";
    lines.textContent = text; // the latest alone, as under a film
  });
  captions.on("error", ({ message }) => (problem.textContent = message));
  captions.on("end", () => {
    running = null;
    button.ariaPressed = "false";
  });
  button.ariaPressed = "true";
  await captions.start(new StreamSource(sound)).catch(() => {}); // "error" has told it
}

/**
 * What a player plays, which is still to be heard. It can be taken once.
 * @param {HTMLMediaElement} player
 */
function soundOf(player) {
  const context = new AudioContext();
  const [source, copy] = [context.createMediaElementSource(player), context.createMediaStreamDestination()];
  source.connect(context.destination);
  source.connect(copy);
  return copy.stream;
}
