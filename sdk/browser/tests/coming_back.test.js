// A session goes on over another connection, as the wire wants it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Transcription } from "../src/transcription.js";
import { noteOf, serve } from "./scripted.js";

const RETRY = { firstDelayMs: 1 };

/** @param {number} ms @param {number} [value] */
const audio = (ms, value = 1) => new Uint8Array(ms * 32).fill(value);

/** @param {string} text @param {number} offset_ms @param {number} [number] */
const final = (text, offset_ms, number) => ({ text, is_final: true, offset_ms, number });

/** @param {string} epoch @param {number} received_bytes @param {number} [finals] */
const at = (epoch, received_bytes, finals = 0) => ({ epoch, received_bytes, finals });

/** @param {any[]} told */
const textsOf = (told) => told.flatMap(([name, { text }]) => (name === "final" ? [text] : []));

/** @param {Transcription} transcription @param {keyof import("../src/transcription.js").Told} name */
const next = (transcription, name) => new Promise((resolve) => transcription.on(name, resolve));

/**
 * A session with three seconds of audio, of which the server has said that it has received one.
 * @param {import("node:test").TestContext} context
 * @param {Partial<import("../src/transcription.js").Options & import("../src/address.js").Wishes>} [options]
 */
async function begun(context, options) {
  const { server, peer } = await serve(context);
  const transcription = new Transcription({ server, token: "key", retry: RETRY, ...options });
  const told = noteOf(transcription, "state", "final", "retry", "gap", "error");
  const started = transcription.start();
  const one = await peer();
  await one.listen(at("00000001", 0));
  await started;
  for (const value of [1, 2, 3]) await transcription.sendAudio(audio(1000, value));
  await one.hearAudio(96_000);
  const heard = next(transcription, "final");
  one.say(final("One.", 500, 1));
  await heard;
  return { transcription, told, peer, one };
}

test("a session goes on from the byte that the server names", async (context) => {
  const { transcription, told, peer, one } = await begun(context);
  one.say({ state: "received", received_bytes: 32_000, replay_from_bytes: 32_000 });
  one.socket.terminate();

  const two = await peer();
  const { session, epoch, finals, oldest_byte, resume } = two.asked;
  assert.deepEqual([resume, session, epoch, finals], ["true", "0".repeat(32), "00000001", "1"]);
  assert.ok(Number(oldest_byte) <= 16_000);
  await transcription.sendAudio(audio(1000, 4)); // while there is no session
  await two.listen(at("00000001", 40_002, 2));
  two.say(final("One.", 500, 1)); // which it has
  two.say(final("Two.", 1400, 2));
  const rest = await two.hearAudio(128_000 - 40_002);
  assert.deepEqual([rest[0], rest[64_000 - 40_002], rest[96_000 - 40_002]], [2, 3, 4]);
  const stopped = transcription.stop();
  assert.equal(await two.hear(), '{"action":"stop"}');
  two.say(final("Three.", 4000, 3));
  two.say({ state: "stopped" });
  await stopped;

  assert.deepEqual(textsOf(told), ["One.", "Two.", "Three."]);
  assert.deepEqual(told.filter(([name]) => name === "final").map(([, { offsetMs }]) => offsetMs), [500, 1400, 4000]);
  const states = told.filter(([name]) => name === "state").map(([, state]) => state);
  assert.deepEqual(states, ["connecting", "listening", "connected", "connecting", "listening", "connected", "disconnected"]);
  assert.deepEqual(told.filter(([name]) => name === "gap" || name === "error"), []);
});

test("no audio goes out before the server has said from where on", async (context) => {
  const { transcription, peer, one } = await begun(context);
  one.socket.terminate();
  const two = await peer();
  assert.equal(await two.hear(), '{"action":"start"}');
  await transcription.sendAudio(audio(100, 4));
  two.say({ state: "loading" });
  two.say({ state: "listening", session_id: "0".repeat(32), ...at("00000001", 96_000) });
  assert.deepEqual(await two.hear(), Buffer.from(audio(100, 4)));
  transcription.close();
});

test("a stop that was said is said again, behind the audio that was lost", async (context) => {
  const { transcription, told, peer, one } = await begun(context);
  const stopped = transcription.stop();
  assert.equal(await one.hear(), '{"action":"stop"}');
  one.socket.terminate();
  const two = await peer();
  await two.listen(at("00000001", 92_800));
  assert.equal((await two.hearAudio(3200)).length, 3200);
  assert.equal(await two.hear(), '{"action":"stop"}');
  two.say(final("Two.", 3000, 2));
  two.say({ state: "stopped" });
  await stopped;
  assert.deepEqual(textsOf(told), ["One.", "Two."]);
});

test("a server that has begun anew with less is sent it again, and named as it wants to be", async (context) => {
  const { transcription, peer, one } = await begun(context);
  one.say({ state: "received", received_bytes: 96_000, replay_from_bytes: 16_000 });
  one.socket.terminate();
  const two = await peer();
  assert.ok(Number(two.asked.oldest_byte) <= 16_000);
  await two.listen(at("00000002", 16_000, 1));
  assert.equal((await two.hearAudio(80_000)).length, 80_000);
  two.socket.terminate();
  const three = await peer();
  assert.equal(three.asked.epoch, "00000002");
  transcription.close();
});

test("a session that cannot be gone on with is begun anew at once, with all that has no final", async (context) => {
  const { transcription, told, peer, one } = await begun(context);
  one.say({ state: "received", received_bytes: 96_000, replay_from_bytes: 96_000 });
  one.socket.terminate();
  const two = await peer();
  await two.hear();
  two.say({ error: "cannot be resumed: no such session" });
  two.socket.close(4410);
  const three = await peer();
  assert.equal(three.asked.session, undefined);
  assert.equal(three.asked.resume, "true");
  await three.listen(at("00000002", 0));
  assert.equal((await three.hearAudio(80_000)).length, 80_000); // from 0.5 s on
  const heard = next(transcription, "final");
  three.say(final("Two.", 500, 1)); // the first one of this session
  await heard;

  assert.deepEqual(textsOf(told), ["One.", "Two."]);
  assert.equal(told.findLast(([name]) => name === "final")[1].offsetMs, 1000);
  assert.equal(told.filter(([name]) => name === "retry").length, 1);
  assert.deepEqual(told.filter(([name]) => name === "gap" || name === "error"), []);
  transcription.close();
});

test("what a session would need and is gone is told as a gap, in another session", async (context) => {
  const { transcription, told, peer, one } = await begun(context);
  one.socket.terminate();
  const two = await peer(); // it waits for its turn, for minutes
  for (let second = 0; second < 300; second++) void transcription.sendAudio(audio(1000, 9));
  await two.listen(at("00000001", 16_000, 1));
  assert.deepEqual(await two.hear(), { close: 1000 });
  const three = await peer();
  await three.listen(at("00000002", 0));
  assert.equal((await three.hearAudio(300 * 32_000))[0], 9);
  assert.deepEqual(told.filter(([name]) => name === "gap"), [["gap", { startMs: 500, endMs: 3000, reason: "the connection was lost" }]]);
  transcription.close();
});

test("a server that resumes and breaks off each time without progress is left in the end", async (context) => {
  const { transcription, told, peer, one } = await begun(context, { retry: { ...RETRY, attempts: 3 } });
  const ended = next(transcription, "end");
  one.socket.terminate();
  for (let turn = 0; turn < 3; turn++) {
    const again = await peer();
    await again.listen(at("00000001", 16_000, 1));
    again.socket.terminate();
  }
  await ended;
  assert.deepEqual(told.map(([name]) => name).filter((name) => name !== "state"), ["final", "retry", "retry", "retry", "gap", "error"]);
});

test("one that receives more each time is not", async (context) => {
  const { transcription, told, peer, one } = await begun(context, { retry: { ...RETRY, attempts: 2 } });
  one.socket.terminate();
  for (const received_bytes of [20_000, 30_000, 40_000, 50_000]) {
    const again = await peer();
    await again.listen(at("00000001", received_bytes - 5000, 1));
    const lost = next(transcription, "retry");
    again.say({ state: "received", received_bytes, replay_from_bytes: received_bytes });
    again.socket.close(1011);
    await lost;
  }
  await peer();
  assert.deepEqual(told.filter(([name]) => name === "error"), []);
  transcription.close();
});

test("a session that stops by itself while audio waits leads to another one", async (context) => {
  const { transcription, told, peer, one } = await begun(context);
  one.socket.terminate();
  const two = await peer();
  const stopped = transcription.stop();
  await two.hear();
  two.say({ state: "stopped" });
  two.socket.close(1012);
  const three = await peer();
  assert.equal(three.asked.session, undefined); // it is over
  await three.listen(at("00000002", 0));
  assert.equal((await three.hearAudio(80_000)).length, 80_000);
  assert.equal(await three.hear(), '{"action":"stop"}');
  three.say(final("Two.", 2500, 1));
  three.say({ state: "stopped" });
  await stopped;
  assert.deepEqual(textsOf(told), ["One.", "Two."]);
});

test("a stream goes on meanwhile, and is told what was missed", async (context) => {
  const { server, peer } = await serve(context);
  const transcription = new Transcription({ server, token: "key", url: "https://radio.example/live.mp3" });
  const told = noteOf(transcription, "final", "retry", "gap", "error");
  const ended = next(transcription, "end");
  void transcription.start();
  const one = await peer();
  one.say({ state: "loading" });
  one.say({ state: "listening", session_id: "0".repeat(32), ...at("00000001", 0) });
  const heard = next(transcription, "final");
  one.say(final("One.", 1000, 1));
  await heard;
  one.socket.terminate();
  const two = await peer();
  const { session, epoch, finals, oldest_byte } = two.asked;
  assert.deepEqual([session, epoch, finals, oldest_byte], ["0".repeat(32), "00000001", "1", undefined]);
  two.say({ state: "loading" });
  two.say({ state: "listening", session_id: "0".repeat(32), ...at("00000001", 64_000, 2) });
  two.say(final("Two.", 2000, 2));
  two.say({ state: "stopped" });
  two.socket.close(1000);
  await ended;
  assert.deepEqual(textsOf(told), ["One.", "Two."]);
  assert.deepEqual(told.map(([name]) => name), ["final", "retry", "final"]);
});

test("a stream that cannot be gone on with is begun anew only where that was asked for", async (context) => {
  for (const retry of [undefined, RETRY]) {
    const { server, peer } = await serve(context);
    const transcription = new Transcription({ server, token: "key", url: "https://radio.example/live.mp3", retry });
    const told = noteOf(transcription, "error");
    const ended = next(transcription, "end");
    void transcription.start();
    const one = await peer();
    one.say({ state: "loading" });
    one.say({ state: "listening", session_id: "0".repeat(32), ...at("00000001", 0) });
    const lost = next(transcription, "retry");
    one.socket.close(1011);
    await lost;
    const two = await peer();
    two.say({ error: "cannot be resumed: no such session" });
    two.socket.close(4410);
    if (retry) {
      assert.equal((await peer()).asked.session, undefined);
      transcription.close();
    }
    await ended;
    assert.deepEqual(told.map(([, { closeCode }]) => closeCode), retry ? [] : [4410]);
  }
});

test("a stream whose server goes down is begun anew where that was asked for, and has ended elsewhere", async (context) => {
  for (const retry of [undefined, RETRY]) {
    const { server, peer } = await serve(context);
    const transcription = new Transcription({ server, token: "key", url: "https://radio.example/live.mp3", retry });
    const told = noteOf(transcription, "retry", "error");
    const ended = next(transcription, "end");
    void transcription.start();
    const one = await peer();
    one.say({ state: "loading" });
    one.say({ state: "listening", session_id: "0".repeat(32), ...at("00000001", 0) });
    one.say({ state: "stopped" });
    one.socket.close(1012);
    if (retry) {
      assert.equal((await peer()).asked.session, undefined);
      transcription.close();
    }
    await ended;
    assert.deepEqual(told.map(([name]) => name), retry ? ["retry"] : []);
  }
});

test("who does not want to resume asks for nothing, and is given nothing", async (context) => {
  const { server, peer } = await serve(context);
  const transcription = new Transcription({ server, token: "key", resume: false, retry: RETRY });
  const started = transcription.start();
  const one = await peer();
  assert.deepEqual(one.asked, { results: "standard" });
  await one.listen();
  await started;
  await transcription.sendAudio(audio(1000));
  await one.hearAudio(32_000);
  one.socket.terminate();
  const two = await peer();
  assert.deepEqual(two.asked, { results: "standard" });
  await two.listen();
  assert.equal((await two.hearAudio(32_000)).length, 32_000);
  transcription.close();
});

test("who does not want to connect again does not where a server takes nothing either", async (context) => {
  const { transcription, told } = await begun(context, { retry: false });
  const ended = next(transcription, "end");
  for (let second = 0; second < 900; second++) void transcription.sendAudio(audio(1000));
  await ended;
  assert.deepEqual(told.map(([name]) => name).filter((name) => name !== "state"), ["final", "gap", "error"]);
});

test("what went out into a network that was gone is not taken for silence", async (context) => {
  let now = performance.now();
  context.mock.method(performance, "now", () => now);
  const { transcription, told, peer, one } = await begun(context);
  now += 2000;
  await transcription.sendAudio(audio(1000, 4));
  await one.hearAudio(32_000);
  now += 3_600_000; // a machine that sleeps hears nothing
  await transcription.sendAudio(audio(100, 5));
  one.socket.terminate();
  const two = await peer();
  await two.hear();
  two.say({ error: "cannot be resumed: no such session" });
  two.socket.close(4410);
  const three = await peer();
  await three.listen(at("00000002", 0));
  assert.equal((await three.hearAudio(115_200))[0], 1);
  assert.deepEqual(told.filter(([name]) => name === "gap" || name === "error"), []);
  transcription.close();
});
