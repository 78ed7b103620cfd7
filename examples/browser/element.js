/**
 * `<live-captions server="wss://stt.example" token-url="caption-token" language="en">`: a button, and
 * what the microphone hears. It tells of each final by an event `final`.
 * @module
 */

import { Microphone, Transcription } from "./scribewire/index.js";
import { fetchToken } from "./captions_server.js";

class LiveCaptions extends HTMLElement {
  /** @type {Transcription | null} */
  #running = null;
  #button = document.createElement("button");
  #finals = document.createElement("p");
  #partial = document.createElement("p");

  constructor() {
    super();
    this.#button.textContent = "Start";
    this.#button.addEventListener("click", () => void (this.#running ? this.#running.stop() : this.#begin()));
    this.#finals.ariaLive = "polite";
    this.#partial.ariaHidden = "true";
    this.#partial.part = "partial"; // for the page's CSS: live-captions::part(partial)
    this.attachShadow({ mode: "open" }).append(this.#button, this.#finals, this.#partial);
  }

  /** Taken out of the page: nobody listens any more, so the microphone is let go. */
  disconnectedCallback() {
    this.#running?.close();
  }

  async #begin() {
    const captions = (this.#running = new Transcription({
      server: this.getAttribute("server") ?? undefined,
      language: this.getAttribute("language") ?? undefined,
      token: () => fetchToken(this.getAttribute("token-url") ?? undefined),
    }));
    captions.on("partial", ({ text }) => (this.#partial.textContent = text));
    captions.on("final", (final) => {
      this.#partial.textContent = "";
      this.#finals.append(final.text, " ");
      this.dispatchEvent(new CustomEvent("final", { detail: final }));
    });
    captions.on("error", ({ message }) => (this.#partial.textContent = message));
    captions.on("end", () => {
      this.#running = null;
      this.#button.textContent = "Start";
    });
    this.#button.textContent = "Stop";
    await captions.start(new Microphone()).catch(() => {}); // "error" has told it
  }
}

customElements.define("live-captions", LiveCaptions);
