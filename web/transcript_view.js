/**
 * The transcript as a person reads it: turns of speakers, words one can hear and correct.
 * @module
 */

import { untimed } from "./store.js";

/** @import { Gap, Line, Store } from "./store.js" */

const SURE = 0.6; // words below are marked
const NEAR_END_PX = 80; // who reads here is taken along
const VOICES = 8; // colours
const PAUSE_MS = 2000; // longer ones begin a paragraph
const LONG_PARAGRAPH = 500; // characters, after which the next sentence begins one

export class TranscriptView {
  #store;
  #element;
  #finals;
  #partial;
  #empty;
  #said;
  /** @type {HTMLElement | null} */
  #current = null; // the word that has the keyboard's attention
  #endMs = 0; // of the latest line
  #play;
  #changed;

  /**
   * @param {Store} store
   * @param {{play: (startMs: number, endMs: number) => void, changed: () => void}} acts
   */
  constructor(store, { play, changed }) {
    this.#store = store;
    this.#play = play;
    this.#changed = changed;
    this.#element = elementOf("words");
    this.#finals = elementOf("finals");
    this.#partial = elementOf("partial");
    this.#empty = elementOf("empty");
    this.#said = elementOf("said");
    this.#element.addEventListener("click", (event) => this.#click(event));
    this.#element.addEventListener("dblclick", (event) => this.#edit(wordOf(event.target)));
    this.#element.addEventListener("keydown", (event) => this.#key(event));
    this.draw();
  }

  /** Draw all of it anew. */
  draw() {
    this.#finals.replaceChildren();
    this.#current = null;
    this.#element.tabIndex = 0;
    for (const line of this.#store.lines) this.#append(line);
    this.#empty.hidden = !this.#store.isEmpty;
    this.#follow(true);
  }

  /** @param {Line | Gap} line */
  add(line) {
    const isFollowed = this.#isAtEnd();
    this.#append(line);
    this.#empty.hidden = true;
    this.#say(line.kind === "gap" ? gapWords(line) : line.text);
    this.#follow(isFollowed);
  }

  /** @param {string} text */
  showPartial(text) {
    const isFollowed = this.#isAtEnd();
    this.#partial.textContent = text;
    if (text !== "") this.#empty.hidden = true;
    this.#follow(isFollowed);
  }

  /** Mark the words that are being played. @param {number | null} atMs */
  mark(atMs) {
    for (const word of this.#finals.querySelectorAll(".playing")) word.classList.remove("playing");
    if (atMs === null) return;
    for (const word of this.#words()) {
      if (Number(word.dataset.start) <= atMs && atMs < Number(word.dataset.end)) word.classList.add("playing");
    }
  }

  /** @param {Line | Gap} line */
  #append(line) {
    if (line.kind === "gap") {
      const gap = make("p", "gap", gapWords(line));
      this.#finals.append(gap);
      return;
    }
    if (line.text === "") return;
    const said = make("span");
    said.dataset.line = String(line.id);
    (line.words ?? untimed(line)).forEach((word, index) => {
      if (index > 0) said.append(" ");
      const span = make("span", word.confidence < SURE ? "word unsure" : "word", word.text);
      span.dataset.index = String(index);
      span.dataset.start = String(word.startMs);
      span.dataset.end = String(word.endMs);
      span.tabIndex = -1;
      if (word.confidence < SURE) span.title = `${Math.round(word.confidence * 100)} % sure`;
      said.append(span);
    });
    this.#paragraphFor(line).append(said, " ");
    this.#endMs = line.words?.at(-1)?.endMs ?? line.offsetMs;
  }

  /** Sentences that follow each other are one paragraph, up to a pause. @param {Line} line */
  #paragraphFor(line) {
    const turn = this.#turnFor(line);
    const last = turn.lastElementChild;
    const pauseMs = (line.words?.[0]?.startMs ?? line.offsetMs) - this.#endMs;
    const isFull = (last?.textContent?.length ?? 0) > LONG_PARAGRAPH;
    if (last instanceof HTMLParagraphElement && !isFull && pauseMs < PAUSE_MS) return last;
    const paragraph = make("p");
    turn.append(paragraph);
    return paragraph;
  }

  /** @param {Line} line */
  #turnFor(line) {
    const last = this.#finals.lastElementChild;
    const voice = line.voice === null ? "" : String(line.voice);
    if (last instanceof HTMLElement && last.classList.contains("turn") && last.dataset.speaker === voice) return last;
    const turn = make("section", "turn");
    turn.dataset.speaker = voice;
    const title = make("h3");
    if (line.voice !== null) {
      turn.dataset.voice = String(((line.voice - 1) % VOICES) + 1);
      const name = make("button", "speaker", this.#store.nameOf(line.voice));
      name.setAttribute("type", "button");
      name.title = "Rename";
      title.append(name, " ");
    }
    title.append(make("time", "", minutes(line.words?.[0]?.startMs ?? line.offsetMs)));
    turn.append(title);
    this.#finals.append(turn);
    return turn;
  }

  /** A screen reader reads finals alone, and only new ones. @param {string} text */
  #say(text) {
    this.#said.append(make("p", "", text));
    while (this.#said.childElementCount > 3) this.#said.firstElementChild?.remove();
  }

  // Words.

  /** @returns {HTMLElement[]} */
  #words() {
    return [...this.#finals.querySelectorAll("span.word")].filter((word) => word instanceof HTMLElement);
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const { target } = event;
    if (target instanceof HTMLElement && target.classList.contains("speaker")) return this.#rename(target);
    const word = wordOf(target);
    if (!word) return;
    this.#focus(word);
    this.#hear(word);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLButtonElement) return;
    const words = this.#words();
    const at = this.#current ? words.indexOf(this.#current) : -1;
    /** @type {Record<string, () => void>} */
    const acts = {
      ArrowRight: () => this.#focus(words[Math.min(at + 1, words.length - 1)]),
      ArrowLeft: () => this.#focus(words[at < 0 ? words.length - 1 : Math.max(at - 1, 0)]),
      Home: () => this.#focus(words[0]),
      End: () => this.#focus(words.at(-1)),
      Enter: () => this.#current && this.#hear(this.#current),
      F2: () => this.#edit(this.#current),
    };
    const act = acts[event.key];
    if (!act || words.length === 0) return;
    event.preventDefault();
    act();
  }

  /** @param {HTMLElement | undefined} word */
  #focus(word) {
    if (!word) return;
    if (this.#current) this.#current.tabIndex = -1;
    this.#element.tabIndex = -1;
    word.tabIndex = 0;
    word.focus();
    this.#current = word;
  }

  /** @param {HTMLElement} word */
  #hear(word) {
    this.#play(Number(word.dataset.start), Number(word.dataset.end));
  }

  /** @param {HTMLElement | null} word */
  #edit(word) {
    const said = word?.parentElement;
    if (!word || !said) return;
    const [line, index] = [Number(said.dataset.line), Number(word.dataset.index)];
    this.#ask(word, word.textContent ?? "", "Correct this word", (text) => {
      this.#store.correct(line, index, text);
      this.#changed();
      this.draw();
      const again = this.#finals.querySelector(`[data-line="${line}"] span[data-index="${index}"]`);
      if (again instanceof HTMLElement) this.#focus(again);
    });
  }

  /** @param {HTMLElement} button */
  #rename(button) {
    const turn = button.closest("section");
    const voice = Number(turn?.dataset.speaker);
    if (!voice) return;
    this.#ask(button, this.#store.nameOf(voice), "Name of this speaker", (name) => {
      this.#store.rename(voice, name);
      this.#changed();
      this.draw();
      const again = this.#finals.querySelector(`section[data-speaker="${voice}"] .speaker`);
      if (again instanceof HTMLElement) again.focus();
    });
  }

  /**
   * Let a person write in an element's place: Enter keeps it, Escape does not.
   * @param {HTMLElement} element
   * @param {string} text
   * @param {string} label
   * @param {(text: string) => void} keep
   */
  #ask(element, text, label, keep) {
    const input = document.createElement("input");
    input.type = "text";
    input.className = "word-edit";
    input.value = text;
    input.size = Math.max(4, text.length + 2);
    input.setAttribute("aria-label", label);
    element.replaceWith(input);
    input.focus();
    input.select();
    let isDone = false;
    /** @param {boolean} isKept */
    const finish = (isKept) => {
      if (isDone) return;
      isDone = true;
      input.replaceWith(element);
      if (isKept && input.value !== text) keep(input.value);
      else element.focus();
    };
    input.addEventListener("blur", () => finish(true));
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "Escape") {
        event.preventDefault();
        event.stopPropagation();
        finish(event.key === "Enter");
      }
    });
  }

  #isAtEnd() {
    const { scrollTop, scrollHeight, clientHeight } = this.#element;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  /** @param {boolean} isFollowed */
  #follow(isFollowed) {
    if (isFollowed) this.#element.scrollTop = this.#element.scrollHeight;
  }
}

/** @param {string} id */
export function elementOf(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`no element ${id}`);
  return element;
}

/** @param {EventTarget | null} target @returns {HTMLElement | null} */
function wordOf(target) {
  return target instanceof HTMLElement ? target.closest("span.word") : null;
}

/** @param {string} name @param {string} [className] @param {string} [text] */
function make(name, className = "", text = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/** @param {number} ms */
function minutes(ms) {
  const seconds = Math.floor(ms / 1000);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  return `${hours > 0 ? `${hours}:` : ""}${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** @param {Gap} gap */
function gapWords({ startMs, endMs, reason }) {
  const seconds = Math.max(1, Math.round((endMs - startMs) / 1000));
  return `About ${seconds} s may be missing here: ${reason}.`;
}
