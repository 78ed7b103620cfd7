/**
 * What the page tells the window with the large captions. Each page has a channel of its own, whose
 * name the window has in its address.
 * @module
 */

import { holdLock, ofTab } from "./storage.js";

const NAME = "scribewire.captions";

/** @typedef {{finals: string[]} | {partial: string} | {hello: true}} Told */

export class CaptionsSender {
  /** @type {BroadcastChannel | null} */
  #channel = null;
  onhello = () => {};

  constructor() {
    this.#open(ofTab.get(NAME) ?? newName()); // a page that is loaded again goes on
    void this.#keepApart();
  }

  /** The channel's name, for the window's address; null where this browser lets pages tell each other nothing. */
  get name() {
    return this.#channel?.name ?? null;
  }

  /** @param {string[]} finals The latest ones. */
  showFinals(finals) {
    this.#channel?.postMessage({ finals });
  }

  /** @param {string} partial */
  showPartial(partial) {
    this.#channel?.postMessage({ partial });
  }

  /** A tab that was duplicated has the name of the first. */
  async #keepApart() {
    if (this.name === null || (await holdLock(this.name))) return;
    this.#channel?.close();
    this.#open(newName());
    void holdLock(this.name ?? "");
  }

  /** @param {string} name */
  #open(name) {
    this.#channel = openChannel(name);
    ofTab.put(NAME, name);
    if (this.#channel) this.#channel.onmessage = ({ data }) => "hello" in data && this.onhello();
  }
}

/**
 * Be told from now on, and at once what is there.
 * @param {string} name Of the channel.
 * @param {(told: {finals?: string[], partial?: string}) => void} show
 */
export function receiveCaptions(name, show) {
  const channel = openChannel(name);
  if (!channel) return;
  channel.onmessage = ({ data }) => show(data);
  channel.postMessage({ hello: true });
}

/** @param {string} name */
function openChannel(name) {
  try {
    return new BroadcastChannel(name);
  } catch {
    return null; // forbidden, with all that a browser keeps
  }
}

/** `crypto.randomUUID` is there over https alone. */
function newName() {
  const bytes = Array.from(crypto.getRandomValues(new Uint8Array(8)));
  return `${NAME}.${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
