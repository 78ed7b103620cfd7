/**
 * The key: asked for once, kept until the tab is closed, and never in the page's address.
 * @module
 */

import { ofTab } from "./storage.js";
import { elementOf } from "./transcript_view.js";

const NAME = "scribewire.key";
const USUAL = "This server asks for a key. It is kept until you close this tab.";

export class KeyDialog {
  #dialog = /** @type {HTMLDialogElement} */ (elementOf("key-dialog"));
  #input = /** @type {HTMLInputElement} */ (elementOf("key"));

  constructor() {
    elementOf("key-cancel").addEventListener("click", () => this.#dialog.close(""));
  }

  /** The key, which is asked for unless it is known; null where a person will not say. @returns {Promise<string | null>} */
  async get() {
    return ofTab.get(NAME) ?? this.ask();
  }

  /** @param {string} [why] @returns {Promise<string | null>} */
  async ask(why = USUAL) {
    elementOf("key-why").textContent = why;
    this.#input.value = "";
    this.#dialog.returnValue = "";
    this.#dialog.showModal();
    await new Promise((resolve) => this.#dialog.addEventListener("close", resolve, { once: true }));
    const key = this.#input.value.trim();
    this.#input.value = "";
    if (this.#dialog.returnValue !== "ok" || key === "") return null;
    ofTab.put(NAME, key);
    return key;
  }

  forget() {
    ofTab.remove(NAME);
  }
}
