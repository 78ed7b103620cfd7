import assert from "node:assert/strict";
import { test } from "node:test";

import { Transcript } from "../src/transcript.js";

/** @param {string} text @param {number} startMs @param {object} [more] */
function final(text, startMs, more = {}) {
  const words = text.split(" ").map((word, index) => ({
    text: word,
    startMs: startMs + index * 300,
    endMs: startMs + index * 300 + 250,
    confidence: 0.9,
  }));
  const offsetMs = startMs + words.length * 300;
  return { kind: /** @type {const} */ ("final"), text, offsetMs, words, speaker: null, language: null, ...more };
}

/** @param {ReturnType<typeof final>[]} finals */
function transcriptOf(...finals) {
  const transcript = new Transcript();
  for (const one of finals) transcript.add(one);
  return transcript;
}

test("text: a line for each final, with speakers where there are several", () => {
  const [ann, bob] = [{ speaker: "Ann" }, { speaker: "Bob" }];
  assert.equal(transcriptOf(final("Hello.", 0, ann), final("Yes.", 900, ann)).toText(), "Hello.\nYes.\n");
  assert.equal(transcriptOf(final("Hello.", 0, ann), final("Yes.", 900, bob)).toText(), "Ann: Hello.\nBob: Yes.\n");
});

test("what was taken back is not in it", () => {
  assert.equal(transcriptOf(final("", 0), final("Yes.", 10)).toText(), "Yes.\n");
});

test("SubRip and WebVTT", () => {
  const transcript = transcriptOf(final("Good morning.", 1000), final("A < B & C", 3_600_000));
  assert.equal(
    transcript.toSrt(),
    "1\n00:00:01,000 --> 00:00:02,000\nGood morning.\n\n2\n01:00:00,000 --> 01:00:01,450\nA < B & C\n",
  );
  assert.equal(
    transcript.toVtt(),
    "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nGood morning.\n\n01:00:00.000 --> 01:00:01.450\nA &lt; B &amp; C\n",
  );
});

test("cues are short enough to be read, keep every word, and never overlap", () => {
  const sentence = "It was the best of times, it was the worst of times, it was the age of wisdom.";
  const long = final(Array(12).fill(sentence).join(" "), 0);
  const cues = transcriptOf(long, final("So soon.", long.offsetMs)).cues();
  assert.ok(cues.length > 10);
  cues.forEach(({ startMs, endMs, lines }, index) => {
    assert.ok(lines.length <= 2 && lines.every((line) => line.length <= 42), lines.join("|"));
    assert.ok(endMs - startMs <= 7000 && endMs > startMs);
    assert.ok(endMs <= (cues[index + 1]?.startMs ?? Infinity));
  });
  assert.equal(cues.flatMap(({ lines }) => lines).join(" "), `${long.text} So soon.`);
});

test("a cue ends where a sentence does, if one does", () => {
  const [first] = transcriptOf(final("One two three four five six seven. Eight nine ten eleven twelve thirteen fourteen fifteen sixteen and so on.", 0)).cues();
  assert.deepEqual(first?.lines.join(" "), "One two three four five six seven.");
});

test("a word that is longer than a line has its own", () => {
  const [cue] = transcriptOf(final(`a ${"x".repeat(60)} b`, 0)).cues();
  assert.equal(cue?.lines[0], "a");
});

test("finals without words are timed by their length", () => {
  const [cue] = transcriptOf(final("Good morning.", 0, { words: null, offsetMs: 5000 })).cues();
  assert.deepEqual([cue?.lines, cue && cue.startMs > 3000, cue && cue.endMs <= 5300], [["Good morning."], true, true]);
});

test("JSON has all that is known", () => {
  const one = final("Yes.", 0, { speaker: "Ann", language: "en" });
  assert.deepEqual(JSON.parse(transcriptOf(one).toJson()), { finals: [one] });
});
