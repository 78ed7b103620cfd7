/**
 * What the browser keeps for this page. It may be set to keep nothing, and then throws as soon as it
 * is asked: the page works without.
 * @module
 */

const PROBE = "scribewire.probe";
const PATIENCE_MS = 500; // a page that is loaded again lets go only as this one comes

/** One of the browser's places to keep text; what it does not take is held until the page is closed. */
export class Shelf {
  #find;
  /** @type {Map<string, string>} */
  #held = new Map();

  /** @param {() => Storage} find Throws where the browser keeps nothing. */
  constructor(find) {
    this.#find = find;
  }

  /** Whether the browser keeps anything. */
  get isThere() {
    const isThere = this.put(PROBE, "");
    this.remove(PROBE);
    return isThere;
  }

  /** @param {string} name @returns {string | null} */
  get(name) {
    try {
      return this.#held.get(name) ?? this.#find().getItem(name);
    } catch {
      return null;
    }
  }

  /** Keep a text; false where the browser did not take it. @param {string} name @param {string} text */
  put(name, text) {
    try {
      this.#find().setItem(name, text);
      this.#held.delete(name);
      return true;
    } catch {
      this.#held.set(name, text);
      return false;
    }
  }

  /** @param {string} name */
  remove(name) {
    this.#held.delete(name);
    try {
      this.#find().removeItem(name);
    } catch {
      // it is not there
    }
  }
}

/** Kept until it is cleared, and shared by all tabs. */
export const lasting = new Shelf(() => localStorage);

/** Kept until the tab is closed. */
export const ofTab = new Shelf(() => sessionStorage);

/**
 * Hold a name until the page is closed; false where another page holds it. Browsers have locks over
 * https and on the machine itself alone: elsewhere nobody is kept from anything.
 * @param {string} name
 * @returns {Promise<boolean>}
 */
export function holdLock(name) {
  if (!navigator.locks) return Promise.resolve(true);
  const patience = new AbortController();
  setTimeout(() => patience.abort(), PATIENCE_MS); // once it is held this changes nothing
  return new Promise((resolve) => {
    /** @returns {Promise<never>} */
    const hold = () => {
      resolve(true);
      return new Promise(() => {});
    };
    navigator.locks.request(name, { signal: patience.signal }, hold).catch(() => resolve(!patience.signal.aborted));
  });
}
