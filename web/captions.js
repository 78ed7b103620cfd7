/**
 * The window for a projector or a second screen: the latest words, large.
 * @module
 */

import { receiveCaptions } from "./captions_channel.js";
import { lasting } from "./storage.js";
import { elementOf } from "./transcript_view.js";

const NAME = "scribewire.captions";
const MOST_CHARACTERS = 1200; // more than any screen shows

const size = /** @type {HTMLInputElement} */ (elementOf("size"));
const count = /** @type {HTMLSelectElement} */ (elementOf("count"));
const colours = /** @type {HTMLSelectElement} */ (elementOf("colours"));
const full = /** @type {HTMLButtonElement} */ (elementOf("full"));
let latest = "";

function apply() {
  document.documentElement.style.setProperty("--size", `${size.value}px`);
  document.documentElement.style.setProperty("--count", count.value);
  document.body.dataset.colours = colours.value;
  lasting.put(NAME, JSON.stringify({ size: size.value, count: count.value, colours: colours.value }));
}

function restore() {
  try {
    const saved = JSON.parse(lasting.get(NAME) ?? "{}");
    if (saved.size) size.value = saved.size;
    if (saved.count) count.value = saved.count;
    if (saved.colours) colours.value = saved.colours;
  } catch {
    // as they are at first
  }
}

/** @param {string} text */
function say(text) {
  if (text === latest || text === "") return;
  latest = text;
  const paragraph = document.createElement("p");
  paragraph.textContent = text;
  elementOf("said").replaceChildren(paragraph);
}

receiveCaptions(location.hash.slice(1), ({ finals, partial }) => {
  if (finals) {
    elementOf("finals").textContent = finals.join(" ").slice(-MOST_CHARACTERS);
    elementOf("partial").textContent = "";
    say(finals.at(-1) ?? "");
  }
  if (partial !== undefined) elementOf("partial").textContent = partial;
  elementOf("hint").hidden = elementOf("finals").textContent !== "" || elementOf("partial").textContent !== "";
});

elementOf("settings").addEventListener("input", apply);
elementOf("settings").addEventListener("submit", (event) => event.preventDefault());
full.addEventListener("click", () => void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()));
document.addEventListener("fullscreenchange", () => {
  full.textContent = document.fullscreenElement ? "Leave full screen" : "Full screen";
});
restore();
apply();
