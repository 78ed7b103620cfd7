import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf, routeOf } from "../src/address.js";
import { TranscriptionError } from "../src/errors.js";
import { parseServer, Violation } from "../src/messages.js";
import { Outbox } from "../src/outbox.js";
import { Progress } from "../src/progress.js";
import { Lateness } from "../src/resampler.js";
import { isFinal, retryDelayMs } from "../src/retry.js";

/** @param {number} ms @param {number} [value] */
const piece = (ms, value = 0) => new Uint8Array(ms * 32).fill(value);

test("what has its final is let go of, the rest is sent again", () => {
  const outbox = new Outbox();
  for (let index = 0; index < 5; index++) outbox.add(piece(100, index));
  for (let index = 0; index < 4; index++) assert.equal(outbox.take()?.[0], index);
  outbox.confirm(250);
  assert.equal(outbox.rewind(), 200);
  assert.equal(outbox.take()?.[0], 2);
  assert.equal(outbox.endMs, 500);
});

test("what was not sent is not let go of, whatever was heard", () => {
  const outbox = new Outbox();
  outbox.add(piece(100, 1));
  outbox.confirm(10_000);
  assert.equal(outbox.take()?.[0], 1);
});

test("five minutes are held; what was dropped unsent is known", () => {
  const outbox = new Outbox();
  for (let second = 0; second < 300; second++) outbox.add(piece(1000));
  for (let sent = 0; sent < 10; sent++) outbox.take();
  outbox.add(piece(1000));
  assert.equal(outbox.takeDroppedMs(), 0); // it was sent
  outbox.add(piece(1000));
  assert.equal(outbox.takeDroppedMs(), 1000);
  assert.equal(outbox.takeDroppedMs(), 0);
  assert.equal(outbox.rewind(), 2000);
});

test("audio is held in tenths of a second, however it came", () => {
  const outbox = new Outbox();
  outbox.add(piece(1050));
  for (let taken = 0; taken < 10; taken++) assert.equal(outbox.take()?.length, 3200);
  outbox.confirm(430);
  assert.equal(outbox.rewind(), 400);
  assert.equal(outbox.endMs, 1050);
});

/** @param {number} offsetMs */
const partial = (offsetMs) => /** @type {const} */ ({ kind: "partial", text: "a", offsetMs, stability: null });

test("what was sent half a minute ago and brought no partial was silence", () => {
  const progress = new Progress();
  for (let second = 0; second <= 40; second++) progress.noteSent(second * 1000, second * 1000);
  assert.equal(progress.heardMs(40_000), 10_000);
  progress.receive(partial(39_000)); // speech has begun, some time before
  assert.equal(progress.heardMs(40_000), 0);
});

test("results lie where their session began in the audio", () => {
  const progress = new Progress();
  progress.begin(5000);
  const words = [{ text: "a", startMs: 10, endMs: 20, confidence: 1 }];
  const final = /** @type {const} */ ({ kind: "final", text: "a", offsetMs: 700, speaker: null, language: null });
  assert.deepEqual(progress.receive({ ...final, words }).words, [{ text: "a", startMs: 5010, endMs: 5020, confidence: 1 }]);
  assert.equal(progress.heardMs(0), 5700);
});

test("who can wait goes on when little is held, or nobody listens", async () => {
  const outbox = new Outbox();
  outbox.add(piece(900));
  await outbox.room();
  outbox.add(piece(200));
  let hasRoom = false;
  const room = outbox.room().then(() => (hasRoom = true));
  await Promise.resolve();
  assert.equal(hasRoom, false);
  outbox.take();
  await room;
  outbox.add(piece(2000));
  const released = outbox.room();
  outbox.release();
  await released;
});

/** @param {import("../src/errors.js").FailureCode} code @param {object} [more] */
const failure = (code, more = {}) => new TranscriptionError(code, "why", more);

test("waits double up to a bound, differ by chance, and come to an end", () => {
  const lost = failure("closed", { closeCode: 1006 });
  const waits = [0, 1, 2, 3, 9].map((failures) => retryDelayMs(lost, failures, { attempts: 10 }, 0.5));
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 15_000]);
  assert.equal(retryDelayMs(lost, 0, {}, 0), 375);
  assert.equal(retryDelayMs(lost, 8, {}, 0.5), null);
  assert.equal(retryDelayMs(lost, 0, { attempts: 0 }, 0.5), null);
  assert.equal(retryDelayMs(lost, 0, { isFinal: () => true }, 0.5), null);
});

test("a server that says when to come back is believed", () => {
  assert.equal(retryDelayMs(failure("refused", { status: 503, retryAfterMs: 9000 }), 0, {}, 0.5), 9000);
});

test("what is passing is tried again, what is not is not", () => {
  const passing = [
    failure("unreachable"),
    failure("timeout"),
    failure("refused", { status: 503 }),
    failure("refused", { status: 429 }),
    ...[1001, 1006, 1011, 1012, 1013].map((closeCode) => failure("closed", { closeCode })),
    failure("session", { closeCode: 1013 }),
  ];
  const lasting = [
    failure("refused", { status: 401, closeCode: 1006 }),
    failure("refused", { status: 403, closeCode: 1006 }),
    failure("session", { closeCode: 1008 }),
    failure("closed", { closeCode: 1000 }),
    failure("closed", { closeCode: 1009 }),
    failure("violation"),
    failure("denied"),
    failure("missing token"),
  ];
  assert.deepEqual(passing.map(isFinal), passing.map(() => false));
  assert.deepEqual(lasting.map(isFinal), lasting.map(() => true));
});

test("a key goes into no address, unless it can go nowhere else", () => {
  const server = "https://stt.example/a/";
  assert.deepEqual(addressOf({ server }, "tok.en"), {
    url: "wss://stt.example/a/v2/realtime?results=standard&resume=true",
    protocols: ["token", "tok.en"],
  });
  assert.deepEqual(addressOf({ server }, "a/b="), {
    url: "wss://stt.example/a/v2/realtime?results=standard&resume=true&token=a%2Fb%3D",
    protocols: [],
  });
  assert.equal(addressOf({ server, url: "http://x/y", resume: false }, "a/b=").url, "wss://stt.example/a/v2/client/a%2Fb%3D?results=standard&url=http%3A%2F%2Fx%2Fy");
  assert.equal(routeOf(server, "/v1/models"), "https://stt.example/a/v1/models");
});

test("an address with parameters or credentials is refused, unquoted", () => {
  for (const server of ["wss://u:secret@x", "wss://x?secret=1", "wss://x/#secret", "ftp://secret"]) {
    assert.throws(() => addressOf({ server }, "key"), (error) => error instanceof Error && !error.message.includes("secret"));
  }
});

test("results that are none are violations", () => {
  const bad = [
    '{"is_final":true,"offset_ms":1}',
    '{"is_final":false,"text":"a","offset_ms":"1"}',
    '{"is_final":false,"text":"a","offset_ms":1e999}',
    '{"is_final":true,"text":"a","offset_ms":1,"words":[["a",1,2]]}',
    '{"is_final":true,"text":"a","offset_ms":1,"words":{}}',
    '{"is_final":true,"text":"a","offset_ms":1,"speaker":1}',
    '{"state":"shutting_down"}',
    "[]",
    "null",
    "1",
    "",
  ];
  for (const text of bad) assert.throws(() => parseServer(text), Violation, text);
  assert.throws(() => parseServer(new ArrayBuffer(2)), Violation);
});

/**
 * What is missing of sound whose tenths of a second come at these times.
 * @param {number[]} timesMs
 */
const missing = (timesMs) => {
  const lateness = new Lateness(0);
  return timesMs.map((nowMs) => lateness.note(100, nowMs)).filter((ms) => ms > 0);
};
/** Tenths of a second as they come, from a first one on. @param {number} count @param {number} [fromMs] */
const tenths = (count, fromMs = 100) => Array.from({ length: count }, (_, index) => fromMs + 100 * index);

test("sound that comes as it should misses nothing, nor on a clock that is a little fast", () => {
  assert.deepEqual(missing(tenths(600)), []);
  assert.deepEqual(missing(tenths(36_000).map((ms) => ms * 1.0001)), []);
});

test("a machine that slept has not heard as much", () => {
  assert.deepEqual(missing([...tenths(50), ...tenths(50, 15_100)]), [10_000]);
  assert.deepEqual(missing([...tenths(50), ...tenths(50, 15_100), ...tenths(50, 22_100)]), [10_000, 2000]);
});

test("sound that is only heard some time after the start is missing", () => {
  assert.deepEqual(missing(tenths(50, 4100)), [4000]);
});

test("a page that was busy gets everything late and misses nothing", () => {
  const burst = Array.from({ length: 60 }, () => 11_000);
  assert.deepEqual(missing([...tenths(50), ...burst, ...tenths(50, 11_100)]), []);
});
