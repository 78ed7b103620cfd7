/**
 * Finals as text, subtitles and JSON.
 * @module
 */

/** @import { FinalResult, Word } from "./messages.js" */

/** A subtitle. @typedef {{startMs: number, endMs: number, lines: string[]}} Cue */

const MOST_CHARACTERS = 42; // of a line, and two lines of a cue: what broadcasters agree on
const MOST_LINES = 2;
const LONGEST_MS = 7000;
const SHORTEST_MS = 1000;
const PAUSE_MS = 700; // longer than within a sentence
const MS_PER_CHARACTER = 60; // where a final has no words: a fast speaker's pace

/** What was said, in order: give it to `on("final", ...)`, and ask for what you need. */
export class Transcript {
  /**
   * Those that have text.
   * @type {FinalResult[]}
   */
  finals = [];

  /** @param {FinalResult} final */
  add(final) {
    if (final.text !== "") this.finals.push(final);
  }

  /**
   * A line for each final, with its speaker where there are several.
   * @returns {string}
   */
  toText() {
    const hasSpeakers = new Set(this.finals.map(({ speaker }) => speaker)).size > 1;
    const lines = this.finals.map(({ speaker, text }) => (hasSpeakers && speaker ? `${speaker}: ${text}` : text));
    return lines.map((line) => `${line}\n`).join("");
  }

  /**
   * SubRip.
   * @returns {string}
   */
  toSrt() {
    const time = (/** @type {number} */ ms) => clock(ms).replace(".", ",");
    const cues = this.cues().map(
      ({ startMs, endMs, lines }, index) => `${index + 1}\n${time(startMs)} --> ${time(endMs)}\n${lines.join("\n")}\n`,
    );
    return cues.join("\n");
  }

  /**
   * WebVTT.
   * @returns {string}
   */
  toVtt() {
    const cues = this.cues().map(
      ({ startMs, endMs, lines }) => `${clock(startMs)} --> ${clock(endMs)}\n${lines.map(escapeVtt).join("\n")}\n`,
    );
    return ["WEBVTT\n", ...cues].join("\n");
  }

  /**
   * All finals with all that is known of them.
   * @returns {string}
   */
  toJson() {
    return `${JSON.stringify({ finals: this.finals }, null, 2)}\n`;
  }

  /**
   * Subtitles: at most two lines of 42 characters and 7 s, broken at sentences and pauses.
   * @returns {Cue[]}
   */
  cues() {
    const cues = this.finals.flatMap((final) => splitWords(wordsOf(final)).map(cueOf));
    cues.forEach((cue, index) => {
      // Long enough to be read, but never over the next one.
      const next = cues[index + 1]?.startMs ?? Infinity;
      cue.endMs = Math.max(cue.startMs + 1, Math.min(Math.max(cue.endMs, cue.startMs + SHORTEST_MS), next));
    });
    return cues;
  }
}

/**
 * @param {FinalResult} final
 * @returns {Word[]}
 */
function wordsOf({ words, text, offsetMs }) {
  if (words && words.length > 0) return words;
  let startMs = Math.max(0, offsetMs - text.length * MS_PER_CHARACTER);
  return text.split(/\s+/).map((word) => {
    const endMs = startMs + word.length * MS_PER_CHARACTER;
    const timed = { text: word, startMs, endMs, confidence: 1 };
    startMs = endMs;
    return timed;
  });
}

/**
 * Cut the words of a final into groups that each fit into a cue.
 * @param {Word[]} words
 * @returns {Word[][]}
 */
function splitWords(words) {
  /** @type {Word[][]} */
  const groups = [];
  let rest = words;
  while (rest.length > 0) {
    const most = fitting(rest);
    const count = most === rest.length ? most : bestBreak(rest, most);
    groups.push(rest.slice(0, count));
    rest = rest.slice(count);
  }
  return groups;
}

/** How many words fit into one cue, at least one. @param {Word[]} words */
function fitting(words) {
  let count = 1;
  while (count < words.length) {
    const group = words.slice(0, count + 1);
    const isLong = /** @type {Word} */ (group.at(-1)).endMs - /** @type {Word} */ (group[0]).startMs > LONGEST_MS;
    if (isLong || wrap(group.map(({ text }) => text)).length > MOST_LINES) break;
    count++;
  }
  return count;
}

/** Where to break among the first `most` words. @param {Word[]} words @param {number} most */
function bestBreak(words, most) {
  for (const isBreak of [endsSentence, precedesPause, endsClause]) {
    for (let count = most; count >= most / 3; count--) {
      if (isBreak(/** @type {Word} */ (words[count - 1]), words[count])) return count;
    }
  }
  return most;
}

/** @param {Word} word */
const endsSentence = ({ text }) => /[.!?…]["')\]»]*$/.test(text);
/** @param {Word} word */
const endsClause = ({ text }) => /[,;:]$/.test(text);
/** @param {Word} word @param {Word | undefined} next */
const precedesPause = ({ endMs }, next) => next !== undefined && next.startMs - endMs >= PAUSE_MS;

/** @param {Word[]} words @returns {Cue} */
function cueOf(words) {
  const [first, last] = [/** @type {Word} */ (words[0]), /** @type {Word} */ (words.at(-1))];
  return { startMs: first.startMs, endMs: last.endMs, lines: wrap(words.map(({ text }) => text)) };
}

/** Words into lines; a word that is longer than a line has its own. @param {string[]} words */
function wrap(words) {
  /** @type {string[]} */
  const lines = [];
  for (const word of words) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && [...longer].length <= MOST_CHARACTERS) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** @param {number} ms */
function clock(ms) {
  const two = (/** @type {number} */ value) => String(Math.floor(value)).padStart(2, "0");
  const rest = String(Math.round(ms) % 1000).padStart(3, "0");
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}.${rest}`;
}

/** @param {string} text */
const escapeVtt = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
