/**
 * What was said, with what a person made of it: kept in this browser until it is cleared.
 * @module
 */

import { Transcript } from "../sdk/transcript.js";

/** @import { FinalResult, Word } from "../sdk/index.js" */
/** @import { Shelf } from "./storage.js" */

/**
 * @typedef {FinalResult & {id: number, voice: number | null}} Line `voice` is the speaker's number in the whole transcript.
 */

/** @typedef {{lines: (Line | Gap)[], names: Record<number, string>, voices: number}} Saved */
/** @typedef {{kind: "gap", id: number, startMs: number, endMs: number, reason: string}} Gap */

/** What it is called wherever it is kept. */
export const TRANSCRIPT = "scribewire.transcript";

const SESSION_BREAK_MS = 1000;

export class Store {
  #shelf;
  /** @type {Saved} */
  #saved;
  #baseMs = 0; // where in the transcript the present session begins
  /** @type {Map<string, number>} */
  #voices = new Map(); // of the present session
  /** Whether the browser keeps what is said. */
  isKept = true;

  /** @param {Shelf} shelf */
  constructor(shelf) {
    this.#shelf = shelf;
    this.#saved = this.#load();
  }

  /** Leave what there is as it is, and go on with what lies on another shelf. @param {Shelf} shelf */
  moveTo(shelf) {
    this.#shelf = shelf;
    this.#saved = this.#load();
    this.#voices.clear();
  }

  get lines() {
    return this.#saved.lines;
  }

  get isEmpty() {
    return this.lines.length === 0;
  }

  /** Where the latest line ends, in ms from the first sample of the first session. */
  get endMs() {
    const last = this.lines.at(-1);
    return last === undefined ? 0 : last.kind === "gap" ? last.endMs : last.offsetMs;
  }

  /** Where in the transcript the present session begins, in ms. */
  get baseMs() {
    return this.#baseMs;
  }

  /** Begin a session: its times and speakers go on after those that there are. */
  beginSession() {
    this.#baseMs = this.isEmpty ? 0 : this.endMs + SESSION_BREAK_MS;
    this.#voices.clear();
  }

  /** @param {FinalResult} final @returns {Line} */
  add(final) {
    const base = this.#baseMs;
    const words = final.words?.map((word) => ({ ...word, startMs: word.startMs + base, endMs: word.endMs + base })) ?? null;
    const line = { ...final, words, offsetMs: final.offsetMs + base, voice: this.#voiceOf(final.speaker), id: this.#nextId() };
    this.lines.push(line);
    this.#save();
    return line;
  }

  /** @param {{startMs: number, endMs: number, reason: string}} gap @returns {Gap} */
  addGap({ startMs, endMs, reason }) {
    const gap = /** @type {Gap} */ ({
      kind: "gap",
      id: this.#nextId(),
      startMs: startMs + this.#baseMs,
      endMs: endMs + this.#baseMs,
      reason,
    });
    this.lines.push(gap);
    this.#save();
    return gap;
  }

  /** @param {number} voice */
  nameOf(voice) {
    return this.#saved.names[voice] ?? `Speaker ${voice}`;
  }

  /** @param {number} voice @param {string} name Empty: as it was at first. */
  rename(voice, name) {
    if (name.trim() === "") delete this.#saved.names[voice];
    else this.#saved.names[voice] = name.trim();
    this.#save();
  }

  /**
   * Put other text in a word's place; empty text takes the word out.
   * @param {number} id
   * @param {number} index
   * @param {string} text
   */
  correct(id, index, text) {
    const line = this.lines.find((one) => one.id === id);
    if (line?.kind !== "final") return;
    const words = line.words ?? untimed(line);
    const word = words[index];
    if (!word) return;
    const corrected = text.trim().replace(/\s+/g, " ");
    const instead = corrected === "" ? [] : [{ ...word, text: corrected, confidence: 1 }];
    line.words = [...words.slice(0, index), ...instead, ...words.slice(index + 1)];
    line.text = line.words.map((one) => one.text).join(" ");
    this.#save();
  }

  /** Forget all of it. The times of a session that runs go on, as those of its sound do. */
  clear() {
    this.#saved = empty();
    this.#voices.clear();
    this.#save();
  }

  /** The finals, with the names that speakers were given. */
  toTranscript() {
    const transcript = new Transcript();
    for (const line of this.lines) {
      if (line.kind === "gap") continue;
      const { id: _, voice, ...final } = line;
      transcript.add({ ...final, speaker: voice === null ? null : this.nameOf(voice) });
    }
    return transcript;
  }

  /** @param {string | null} speaker */
  #voiceOf(speaker) {
    if (speaker === null) return null;
    const known = this.#voices.get(speaker);
    if (known !== undefined) return known;
    const voice = ++this.#saved.voices;
    this.#voices.set(speaker, voice);
    return voice;
  }

  #nextId() {
    return (this.lines.at(-1)?.id ?? 0) + 1;
  }

  /** @returns {Saved} */
  #load() {
    try {
      const saved = JSON.parse(this.#shelf.get(TRANSCRIPT) ?? "null");
      return Array.isArray(saved?.lines) ? { ...empty(), ...saved } : empty();
    } catch {
      return empty();
    }
  }

  #save() {
    if (this.isEmpty) this.#shelf.remove(TRANSCRIPT);
    this.isKept = this.isEmpty || this.#shelf.put(TRANSCRIPT, JSON.stringify(this.#saved));
  }
}

/** @returns {Saved} */
const empty = () => ({ lines: [], names: {}, voices: 0 });

/** @param {Line} line @returns {Word[]} */
export function untimed(line) {
  const { text, offsetMs } = line;
  return text.split(/\s+/).map((word) => ({ text: word, startMs: offsetMs, endMs: offsetMs, confidence: 1 }));
}
