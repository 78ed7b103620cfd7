import assert from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import { test } from "node:test";

import { TranscriptionError } from "../src/errors.js";
import { Transcription } from "../src/transcription.js";
import { noteOf, serve } from "./scripted.js";

const AT_ONCE = { firstDelayMs: 1 };

/** @param {number} ms @param {number} [value] */
const audio = (ms, value = 1) => new Uint8Array(ms * 32).fill(value);

/** @param {string} text @param {number} offset_ms */
const final = (text, offset_ms) => ({
  text,
  is_final: true,
  offset_ms,
  words: [[text, offset_ms - 300, offset_ms - 100, 0.9]],
});

/** @param {Promise<unknown>} promise @param {string} code @param {RegExp} [words] */
async function rejects(promise, code, words = /./) {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof TranscriptionError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, words);
    return true;
  });
}

test("a session from start to stop", async (context) => {
  const { server, peer } = await serve(context);
  const transcription = new Transcription({ server, token: "key", language: "nl", digits: true });
  const told = noteOf(transcription, "state", "partial", "final", "end");

  const started = transcription.start();
  const one = await peer();
  assert.equal(one.path, "/v2/realtime?results=standard&language=nl&resume=true");
  assert.equal(one.offered, "token,key");
  assert.deepEqual(await one.listen(), { action: "start", actual_numbers: true });
  await started;
  assert.equal(transcription.sessionId, "0".repeat(32));
  await transcription.sendAudio(audio(100));
  assert.deepEqual(await one.hearAudio(3200), Buffer.from(audio(100)));
  one.say({ text: "Goe", is_final: false, offset_ms: 50, stability: 0.5 });
  const stopped = transcription.stop();
  assert.equal(await one.hear(), '{"action":"stop"}');
  one.say({ text: "Goed.", is_final: true, offset_ms: 100, words: [["Goed.", 10, 90, 0.9]], speaker: "Speaker 1" });
  one.say({ state: "stopped" });
  assert.deepEqual(await one.hear(), { close: 1000 });
  await stopped;

  assert.deepEqual(told, [
    ["state", "connecting"],
    ["state", "listening"],
    ["partial", { kind: "partial", text: "Goe", offsetMs: 50, stability: 0.5 }],
    ["state", "connected"],
    [
      "final",
      {
        kind: "final",
        text: "Goed.",
        offsetMs: 100,
        words: [{ text: "Goed.", startMs: 10, endMs: 90, confidence: 0.9 }],
        speaker: "Speaker 1",
        language: null,
      },
    ],
    ["state", "disconnected"],
    ["end", null],
  ]);
});

test("results can be iterated over", async (context) => {
  const { server, peer } = await serve(context);
  const transcription = new Transcription({ server, token: "key" });
  const texts = (async () => {
    const texts = [];
    for await (const { text } of transcription) texts.push(text);
    return texts;
  })();
  void transcription.start();
  const one = await peer();
  await one.listen();
  for (const text of ["One.", "Two."]) one.say(final(text, 400));
  void transcription.stop();
  await one.hear();
  one.say({ state: "stopped" });
  one.socket.close(1000);

  assert.deepEqual(await texts, ["One.", "Two."]);
});

test("without a token, an address or a stream's URL nothing is sent", async () => {
  const server = "wss://stt.example";
  await rejects(new Transcription({ server, token: "" }).start(), "missing token");
  await rejects(new Transcription({ server, token: "a b" }).start(), "bad option", /space/);
  await rejects(new Transcription({ server, token: "key", url: " " }).start(), "missing url");
  await rejects(new Transcription({ server, token: "key", url: "ftp://x/y" }).start(), "bad option", /^url/);
  await rejects(new Transcription({ server: "stt example", token: "key" }).start(), "bad option", /^server/);
  await rejects(new Transcription({ token: "key" }).start(), "bad option", /^server/);
});

test("a token that cannot be had ends it with the reason", async () => {
  const token = async () => {
    throw new Error("log in first");
  };
  await rejects(new Transcription({ server: "ws://127.0.0.1:1", token }).start(), "unreachable", /log in first/);
});

test("a refused key is told with the server's words", async (context) => {
  const { server } = await serve(context, { refusal: () => [401, { error: "unknown token", message: "no such key" }] });
  const transcription = new Transcription({ server, token: "key" });
  const told = noteOf(transcription, "error", "state", "end");

  await rejects(transcription.start(), "refused", /refused.*\(no such key\)/);

  assert.deepEqual(told.map(([name]) => name), ["state", "state", "error", "end"]);
  assert.equal(transcription.state, "error");
});

test("a server that is full says when to come back", async (context) => {
  const full = () => /** @type {any} */ ([503, { error: "too many sessions" }, { "Retry-After": "7" }]);
  const { server } = await serve(context, { refusal: full });
  await assert.rejects(new Transcription({ server, token: "key" }).start(), { code: "refused", status: 503, retryAfterMs: 7000 });
});

test("no server there", async () => {
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (free.address());
  free.close();
  await once(free, "close");
  await rejects(new Transcription({ server: `ws://127.0.0.1:${port}`, token: "key" }).start(), "unreachable", /is the server running/);
});

test("a server that never listens", async (context) => {
  const { server, peer } = await serve(context);
  const started = new Transcription({ server, token: "key", timeoutMs: 200 }).start();
  await rejects(started, "timeout", /not listening within 0.2 s/);
  assert.deepEqual(JSON.parse(String(await (await peer()).hear())), { action: "start" });
});

test("the server's error is the message, and is not tried again", async (context) => {
  const { server, peer } = await serve(context);
  const transcription = new Transcription({ server, token: "key", retry: AT_ONCE });
  const told = noteOf(transcription, "retry", "error");
  const started = transcription.start();
  const one = await peer();
  await one.listen();
  await started;
  one.say({ error: "key revoked: ask for another" });
  one.socket.close(1008);
  await transcription.stop();

  assert.deepEqual(told.map(([name, { code, message }]) => [name, code, message]), [
    ["error", "session", "key revoked: ask for another"],
  ]);
});

test("a lost connection is made again, and gets the audio that has no final", async (context) => {
  const { server, peer } = await serve(context);
  const tokens = ["first", "second"];
  const transcription = new Transcription({ server, token: () => tokens.shift() ?? "", retry: AT_ONCE });
  const told = noteOf(transcription, "final", "retry", "gap", "error");
  const started = transcription.start();
  const one = await peer();
  await one.listen();
  await started;
  for (const value of [1, 2, 3]) await transcription.sendAudio(audio(1000, value));
  await one.hearAudio(96_000);
  const heard = new Promise((resolve) => transcription.on("final", resolve));
  one.say(final("One.", 1000));
  await heard;
  one.socket.terminate();

  const two = await peer();
  assert.equal(two.offered, "token,second");
  await transcription.sendAudio(audio(1000, 4)); // while there is no session
  await two.listen();
  const again = await two.hearAudio(96_000);
  assert.deepEqual([again[0], again[32_000], again[64_000]], [2, 3, 4]);
  const stopped = transcription.stop();
  assert.equal(await two.hear(), '{"action":"stop"}');
  two.say(final("Two.", 1000));
  two.say({ state: "stopped" });
  await stopped;

  assert.deepEqual(told.map(([name]) => name), ["final", "retry", "final"]);
  const [, { code }] = [0, told[1][1].error];
  assert.equal(code, "closed");
  assert.equal(told[2][1].offsetMs, 2000);
  assert.deepEqual([told[2][1].words[0].startMs, told[2][1].words[0].endMs], [1700, 1900]);
});

test("what waits for too long is dropped, and told", async (context) => {
  let isUp = true;
  const { server, peer } = await serve(context, { refusal: () => (isUp ? null : [503, { error: "restarting" }]) });
  const transcription = new Transcription({ server, token: "key", retry: { ...AT_ONCE, attempts: 10_000, longestDelayMs: 5 } });
  const told = noteOf(transcription, "gap", "error");
  const started = transcription.start();
  const one = await peer();
  await one.listen();
  await started;
  isUp = false;
  const lost = new Promise((resolve) => transcription.on("retry", resolve));
  one.socket.terminate();
  await lost;
  for (let second = 0; second < 315; second++) void transcription.sendAudio(audio(1000, second % 200));
  isUp = true;
  const two = await peer();
  await two.listen();
  const again = await two.hearAudio(300 * 32_000);

  assert.equal(again[0], 15);
  assert.deepEqual(told, [["gap", { startMs: 0, endMs: 15_000, reason: "the connection was lost" }]]);
  transcription.close();
});

test("attempts come to an end", async (context) => {
  let isUp = true;
  const { server, peer } = await serve(context, { refusal: () => (isUp ? null : [503, { error: "down" }]) });
  const transcription = new Transcription({ server, token: "key", retry: { ...AT_ONCE, attempts: 3 } });
  const told = noteOf(transcription, "retry", "gap", "error", "end");
  const started = transcription.start();
  const one = await peer();
  await one.listen();
  await started;
  await transcription.sendAudio(audio(500));
  await one.hearAudio(16_000);
  isUp = false;
  one.socket.close(1012);
  await transcription.stop();

  assert.deepEqual(told.map(([name]) => name), ["retry", "retry", "retry", "gap", "error", "end"]);
  assert.deepEqual(told[3][1], { startMs: 0, endMs: 500, reason: "the transcription ended before" });
});

test("a finite stream ends by itself", async (context) => {
  const { server, peer } = await serve(context);
  const transcription = new Transcription({ server, token: "key", url: "https://example.org/a.mp3?x=1&y=2" });
  const told = noteOf(transcription, "state", "final", "error", "end");
  const ended = new Promise((resolve) => transcription.on("end", resolve));
  void transcription.start();
  const one = await peer();
  assert.equal(new URL(one.path, server).searchParams.get("url"), "https://example.org/a.mp3?x=1&y=2");
  assert.equal(new URL(one.path, server).pathname, "/v2/client/-");
  one.say({ state: "loading" });
  one.say({ state: "listening", session_id: "a" });
  one.say(final("One.", 1000));
  one.say({ state: "loading" });
  one.say({ state: "listening", session_id: "a" });
  one.say({ state: "stopped" });
  one.socket.close(1000);
  await ended;

  const states = told.filter(([name]) => name === "state").map(([, state]) => state);
  assert.deepEqual(states, ["connecting", "loading", "listening", "connected", "loading", "listening", "disconnected"]);
  assert.deepEqual(told.filter(([name]) => name !== "state").map(([name]) => name), ["final", "end"]);
});

test("a stream that is stopped before it is open", async (context) => {
  const { server, peer } = await serve(context);
  const transcription = new Transcription({ server, token: "key", url: "https://example.org/a.mp3" });
  const started = transcription.start();
  const stopped = transcription.stop();
  const one = await peer();
  assert.equal(await one.hear(), '{"action":"stop"}');
  one.say({ state: "stopped" });
  await stopped;
  await started;
});

test("a source that fails ends the session with the finals, and then the reason", async (context) => {
  const { server, peer } = await serve(context);
  const transcription = new Transcription({ server, token: "key" });
  const told = noteOf(transcription, "final", "error", "end");
  /** @type {import("../src/sources.js").Sink | undefined} */
  let sink;
  let isStopped = false;
  const started = transcription.start({
    start: async (given) => void (sink = given),
    stop: () => void (isStopped = true),
  });
  const one = await peer();
  await one.listen();
  await started;
  await sink?.audio(audio(100));
  await one.hearAudio(3200);
  sink?.failed(new TranscriptionError("unplugged", "the microphone is gone"));
  assert.equal(await one.hear(), '{"action":"stop"}');
  one.say(final("One.", 400));
  one.say({ state: "stopped" });
  await transcription.stop();

  assert.ok(isStopped);
  assert.deepEqual(told.map(([name]) => name), ["final", "error", "end"]);
  assert.equal(told[1][1].code, "unplugged");
});

test("a source that will not start keeps everything from being sent", async () => {
  const source = {
    start: async () => {
      throw new TranscriptionError("denied", "not allowed");
    },
    stop: () => {},
  };
  await rejects(new Transcription({ server: "ws://127.0.0.1:1", token: "key" }).start(source), "denied");
});

test("a source that throws at once is told like any other", async () => {
  const source = {
    start: () => {
      throw new Error("no sound");
    },
    stop: () => {},
  };
  await rejects(new Transcription({ server: "ws://127.0.0.1:1", token: "key" }).start(source), "unreadable", /no sound/);
});

test("what a source brings while it ends is sent, and the stop behind it", async (context) => {
  const { server, peer } = await serve(context);
  const transcription = new Transcription({ server, token: "key" });
  /** @type {import("../src/sources.js").Sink | undefined} */
  let sink;
  const started = transcription.start({
    start: async (given) => void (sink = given),
    stop: async () => {
      await Promise.resolve();
      void sink?.audio(audio(70, 9));
    },
  });
  const one = await peer();
  await one.listen();
  await started;
  void transcription.stop();
  assert.deepEqual(await one.hear(), Buffer.from(audio(70, 9)));
  assert.equal(await one.hear(), '{"action":"stop"}');
  transcription.close();
});

test("a stop before anything was connected or heard ends it at once", async () => {
  const answer = new Promise(() => {}); // a person who does not answer
  const transcription = new Transcription({ server: "ws://127.0.0.1:1", token: "key" });
  void transcription.start({ start: () => /** @type {Promise<void>} */ (answer), stop: () => {} });
  await transcription.stop();
  assert.equal(transcription.state, "disconnected");
});

test("a source that cannot even be stopped does not keep the finals", async (context) => {
  const { server, peer } = await serve(context);
  const transcription = new Transcription({ server, token: "key" });
  const told = noteOf(transcription, "final", "error");
  const stop = async () => {
    throw new Error("stuck");
  };
  const started = transcription.start({ start: async () => {}, stop });
  const one = await peer();
  await one.listen();
  await started;
  const stopped = transcription.stop();
  assert.equal(await one.hear(), '{"action":"stop"}');
  one.say(final("One.", 400));
  one.say({ state: "stopped" });
  await stopped;
  assert.deepEqual(told.map(([name]) => name), ["final", "error"]);
});

test("a token that does not come is not waited for", async () => {
  const token = () => /** @type {Promise<string>} */ (new Promise(() => {}));
  await rejects(new Transcription({ server: "ws://127.0.0.1:1", token, timeoutMs: 20 }).start(), "unreachable", /none within 0.02 s/);
});

test("a server that listens and breaks off each time is left in the end", async (context) => {
  const { server, peer } = await serve(context);
  const transcription = new Transcription({ server, token: "key", retry: { ...AT_ONCE, attempts: 3 } });
  const told = noteOf(transcription, "retry", "error");
  const started = transcription.start();
  const ended = new Promise((resolve) => transcription.on("end", resolve));
  for (let turn = 0; turn < 4; turn++) {
    const one = await peer();
    await one.listen();
    if (turn === 0) await started;
    one.socket.close(1011);
  }
  await ended;
  assert.deepEqual(told.map(([name]) => name), ["retry", "retry", "retry", "error"]);
});

test("leaving sends a close and waits for nothing", async (context) => {
  const { server, peer } = await serve(context);
  const transcription = new Transcription({ server, token: "key" });
  const started = transcription.start();
  const one = await peer();
  await one.listen();
  await started;
  transcription.close();
  assert.equal(transcription.state, "disconnected");
  assert.deepEqual(await one.hear(), { close: 1000 });
  await transcription.stop();
});

test("a server that is none of ours is told as that", async (context) => {
  const { server, peer } = await serve(context);
  const started = new Transcription({ server, token: "key" }).start();
  (await peer()).socket.send("hello");
  await rejects(started, "violation", /no JSON/);
});
