import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox } from "../src/outbox.js";
import { Progress } from "../src/progress.js";
import { Patience, Resuming } from "../src/resuming.js";

/** @param {string} epoch @param {number} receivedBytes @param {string} [sessionId] */
const listening = (epoch, receivedBytes, sessionId = "a") => ({ sessionId, position: { epoch, receivedBytes } });

test("with no session, or one of a server that keeps none, there is nothing to ask for", () => {
  const resuming = new Resuming();
  assert.deepEqual(resuming.parameters(0), {});
  resuming.begin({ sessionId: "a", position: null }, 0);
  assert.deepEqual(resuming.parameters(0), {});
  assert.equal(resuming.isPossible, false);
  assert.equal(resuming.neededBytes, Infinity);
});

test("who comes back says what it has, counted as the server counts", () => {
  const resuming = new Resuming();
  assert.equal(resuming.goOn(listening("e1", 0)), null);
  resuming.begin(listening("e1", 0), 64_000); // the second session of this audio
  resuming.takes(1);
  resuming.takes(2);

  assert.deepEqual(resuming.parameters(70_000), { session: "a", epoch: "e1", finals: 2, oldest_byte: 6000 });
  assert.deepEqual(resuming.parameters(0), { session: "a", epoch: "e1", finals: 2, oldest_byte: 0 });
  assert.deepEqual(resuming.parameters(undefined), { session: "a", epoch: "e1", finals: 2, oldest_byte: undefined });
  assert.equal(resuming.goOn(listening("e1", 9600)), 73_600);
});

test("what the server says when it goes on holds from then on", () => {
  const resuming = new Resuming();
  resuming.begin(listening("e1", 0), 0);
  assert.equal(resuming.goOn(listening("e2", 3200)), 3200);
  assert.equal(resuming.parameters(0).epoch, "e2");
});

test("another session, or one that is kept no more, is begun anew", () => {
  const resuming = new Resuming();
  resuming.begin(listening("e1", 0), 0);
  assert.equal(resuming.goOn(listening("e1", 0, "b")), null);
  assert.equal(resuming.goOn({ sessionId: "a", position: null }), null);
  resuming.forget();
  assert.equal(resuming.goOn(listening("e1", 0)), null);
  assert.deepEqual(resuming.parameters(0), {});
});

test("a final is taken once, whatever comes again; one without a number always", () => {
  const resuming = new Resuming();
  resuming.begin(listening("e1", 0), 0);
  assert.deepEqual([1, 2, 2, 1, 3].map((number) => resuming.takes(number)), [true, true, false, false, true]);
  resuming.begin(listening("e1", 0, "b"), 0);
  assert.deepEqual([1, 0, 0].map((number) => resuming.takes(number)), [true, true, true]);
});

test("audio is let go of up to where the server says, and not before its final", () => {
  const [outbox, progress, resuming] = [new Outbox(), new Progress(), new Resuming()];
  resuming.begin(listening("e1", 0), 0);
  for (let tenth = 0; tenth < 10; tenth++) outbox.add(new Uint8Array(3200).fill(tenth));
  while (outbox.take());
  const letGo = () => {
    outbox.confirm(progress.heardMs(0), resuming.neededBytes);
    return outbox.startBytes;
  };
  progress.receive({ kind: "final", text: "a", offsetMs: 500, words: null, speaker: null, language: null });

  assert.equal(letGo(), 0);
  resuming.acknowledge({ receivedBytes: 16_000, replayFromBytes: 6400 });
  assert.equal(letGo(), 6400);
  resuming.acknowledge({ receivedBytes: 32_000, replayFromBytes: 32_000 });
  assert.equal(letGo(), 16_000); // a session that is begun anew needs it
});

test("only what no server had received before is progress", () => {
  const resuming = new Resuming();
  resuming.begin(listening("e1", 0), 0);
  const received = [100, 200, 200].map((bytes) => resuming.acknowledge({ receivedBytes: bytes, replayFromBytes: 0 }));
  resuming.begin(listening("e2", 0, "b"), 50);
  received.push(resuming.acknowledge({ receivedBytes: 150, replayFromBytes: 0 }));
  received.push(resuming.acknowledge({ receivedBytes: 151, replayFromBytes: 0 }));
  assert.deepEqual(received, [true, true, false, false, true]);
});

test("sending goes on from the very byte", () => {
  const outbox = new Outbox();
  const audio = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251);
  outbox.add(audio);
  const rest = () => {
    const pieces = [];
    for (let piece; (piece = outbox.take()); ) pieces.push(...piece);
    return pieces;
  };
  for (const byte of [0, 1, 3199, 3200, 3201, 9999, 10_000]) {
    assert.equal(outbox.seek(byte), true);
    assert.deepEqual(rest(), [...audio.subarray(byte)], String(byte));
    assert.ok(outbox.isEmpty);
  }
});

test("another session begins with a whole sample, however the audio was cut", () => {
  const outbox = new Outbox();
  for (let piece = 0; piece < 4001; piece++) outbox.add(new Uint8Array(3199));
  assert.equal(outbox.startBytes % 2, 1);
  assert.equal((outbox.rewind() * 32) % 2, 0);
  assert.ok(outbox.rewind() * 32 - outbox.startBytes < 32);
});

test("what is not there any more cannot be gone on from", () => {
  const outbox = new Outbox();
  for (let tenth = 0; tenth < 3; tenth++) outbox.add(new Uint8Array(3200));
  while (outbox.take());
  outbox.confirm(100);
  assert.equal(outbox.startBytes, 3200);
  assert.equal(outbox.seek(3199), false);
  assert.equal(outbox.seek(3200), true);
  assert.equal(outbox.sentMs, 100);
});

test("silence before a loss was heard, audio that nobody answered for was not", () => {
  const progress = new Progress();
  for (let second = 0; second <= 40; second++) progress.noteSent(second * 1000, second * 1000);
  progress.pause(40_000);
  assert.equal(progress.heardMs(500_000), 10_000);
});

/**
 * Tell at which second a connection is given up, of those that are looked at.
 * @param {string} picture One sign a second: `a` audio goes out, `m` a message comes, `s` the stop goes out, `.` nothing
 *   is looked at.
 * @param {boolean} tells
 */
function givenUp(picture, tells) {
  const patience = new Patience();
  for (const [second, sign] of [...picture].entries()) {
    const now = second * 1000;
    if (sign === "a") patience.noteSent(now);
    if (sign === "m") patience.noteHeard(now, tells);
    if (sign === "s") patience.expect(60_000, now);
    if (sign !== "." && patience.isOver(now)) return second;
  }
  return null;
}

for (const { title, picture, tells = true, expected } of [
  { title: "a server that answers", picture: "mamamamamamamamamamamama", expected: null },
  { title: "one that is silent while audio goes out", picture: "maaaaaaaaaaaaaaa", expected: 11 },
  { title: "one that is silent while none does", picture: "m                        ", expected: null },
  { title: "one that was silent for a while", picture: "maaaaaaaamaaaaaaaamaaaa", expected: null },
  { title: "one that never says what it has received", picture: "maaaaaaaaaaaaaaaaaaaaa", tells: false, expected: null },
  { title: "a page that was put to sleep", picture: "ma............................a", expected: 30 },
  { title: "the end that does not come", picture: "mas" + " ".repeat(70), tells: false, expected: 62 },
  { title: "the end that comes late", picture: "mas" + " ".repeat(50) + "m" + " ".repeat(50) + "m", expected: null },
]) {
  test(`waiting for ${title}`, () => assert.equal(givenUp(picture, tells), expected));
}
