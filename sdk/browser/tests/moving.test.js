// A server that goes down is left for another session, at the end of an utterance.
import assert from "node:assert/strict";
import { test } from "node:test";

import "../src/moving.js"; // it is there when it is asked for
import { Transcription } from "../src/transcription.js";
import { noteOf, serve } from "./scripted.js";

/** @param {number} ms @param {number} [value] */
const audio = (ms, value = 1) => new Uint8Array(ms * 32).fill(value);

/** @param {string} text @param {number} offset_ms @param {number} number */
const final = (text, offset_ms, number) => ({ text, is_final: true, offset_ms, number });

/** @param {string} epoch */
const begins = (epoch) => ({ session_id: epoch.repeat(32), epoch: epoch.repeat(8), received_bytes: 0, finals: 0 });

/** @param {number} ms From now on. */
const cutsOffIn = (ms) => ({ state: "shutting_down", at: (Date.now() + ms) / 1000 });

/** @param {any[]} told @param {string[]} names */
const namesOf = (told, ...names) => told.map(([name]) => name).filter((name) => names.includes(name));

/** @param {any[]} told */
const finalsOf = (told) => told.flatMap(([name, { text, offsetMs }]) => (name === "final" ? [[text, offsetMs]] : []));

/**
 * A session with three seconds of audio, no final yet, and a server that can be made to refuse.
 * @param {import("node:test").TestContext} context
 * @param {Partial<import("../src/transcription.js").Options & import("../src/address.js").Wishes>} [options]
 */
async function begun(context, options) {
  const full = { isRefusing: false, refused: 0, wake: () => {} };
  const { server, peer } = await serve(context, {
    refusal: () => {
      if (!full.isRefusing) return null;
      full.refused++;
      full.wake();
      return [503, { error: "shutting down" }];
    },
  });
  const transcription = new Transcription({ server, token: "key", retry: { firstDelayMs: 1 }, ...options });
  const told = noteOf(transcription, "state", "final", "retry", "gap", "error", "shutdown");
  const started = transcription.start();
  const one = await peer();
  await one.listen(begins("a"));
  await started;
  for (const value of [1, 2, 3]) await transcription.sendAudio(audio(1000, value));
  await one.hearAudio(96_000);
  /** @param {import("./scripted.js").Peer} peer @param {object} message @param {keyof import("../src/transcription.js").Told} name */
  const say = async (peer, message, name) => {
    const heard = new Promise((resolve) => transcription.on(name, resolve));
    peer.say(message);
    await heard;
  };
  return { transcription, told, peer, one, say, full };
}

test("it moves at the next final, with the audio behind it", async (context) => {
  const { transcription, told, peer, one, say } = await begun(context);
  await say(one, cutsOffIn(60_000), "shutdown");
  await say(one, final("One.", 1050, 1), "final");
  const two = await peer();
  assert.equal(two.asked.session, undefined);
  assert.equal(two.asked.resume, "true");
  await transcription.sendAudio(audio(1000, 4));
  assert.equal((await one.hearAudio(32_000))[0], 4); // the old one still hears
  await say(one, final("Two.", 2050, 2), "final");
  await two.listen(begins("b"));
  assert.deepEqual(await one.hear(), { close: 1000 });
  const rest = await two.hearAudio(128_000 - 2050 * 32);
  assert.deepEqual([rest[0], rest.at(-1)], [3, 4]);
  assert.equal(transcription.sessionId, "b".repeat(32));
  const stopped = transcription.stop();
  assert.equal(await two.hear(), '{"action":"stop"}');
  two.say(final("Three.", 1000, 1));
  two.say({ state: "stopped" });
  await stopped;

  assert.deepEqual(finalsOf(told), [["One.", 1050], ["Two.", 2050], ["Three.", 3050]]);
  assert.deepEqual(namesOf(told, "retry", "gap", "error"), []);
  const states = told.filter(([name]) => name === "state").map(([, state]) => state);
  assert.deepEqual(states, ["connecting", "listening", "connected", "listening", "connected", "disconnected"]);
});

test("without a final it moves just before it would be cut off, and says all of it again", async (context) => {
  const { transcription, told, peer, one, say } = await begun(context);
  await say(one, cutsOffIn(5050), "shutdown");
  const two = await peer();
  await two.listen(begins("b"));
  assert.equal((await two.hearAudio(96_000)).length, 96_000);
  assert.deepEqual(await one.hear(), { close: 1000 });
  assert.deepEqual(namesOf(told, "retry", "gap", "error"), []);
  transcription.close();
});

test("where another server can go on with the session it comes back to it there", async (context) => {
  const { transcription, told, peer, one, say } = await begun(context);
  await say(one, { ...cutsOffIn(60_000), resume: true }, "shutdown");
  const retrying = new Promise((resolve) => transcription.on("retry", resolve));
  await say(one, final("One.", 1050, 1), "final");
  await retrying;
  const two = await peer();
  const { session, epoch, finals } = two.asked;
  assert.deepEqual([session, epoch, finals], ["a".repeat(32), "a".repeat(8), "1"]);
  await two.listen({ ...begins("a"), epoch: "b".repeat(8), received_bytes: 1050 * 32, finals: 1 });
  assert.equal((await two.hearAudio(96_000 - 1050 * 32)).at(-1), 3);
  await say(two, final("Two.", 2050, 2), "final");

  assert.deepEqual(finalsOf(told), [["One.", 1050], ["Two.", 2050]]);
  assert.deepEqual(namesOf(told, "gap", "error"), []);
  transcription.close();
});

test("without a final it comes back just before it would be cut off", async (context) => {
  const { transcription, peer, one, say } = await begun(context);
  await say(one, { ...cutsOffIn(5050), resume: true }, "shutdown");
  const two = await peer();
  assert.equal(two.asked.session, "a".repeat(32));
  transcription.close();
});

test("where nobody else takes it, it stays to the end and comes back later", async (context) => {
  const { transcription, told, peer, one, say, full } = await begun(context);
  full.isRefusing = true;
  await say(one, cutsOffIn(5020), "shutdown");
  await say(one, final("One.", 1000, 1), "final");
  await transcription.sendAudio(audio(1000, 4));
  await one.hearAudio(32_000);
  await say(one, final("Two.", 2000, 2), "final");
  // At a final, and just before it would be cut off.
  while (full.refused < 2) await new Promise((resolve) => (full.wake = () => resolve(undefined)));
  one.say({ state: "stopped" });
  one.socket.close(1012);
  await new Promise((resolve) => transcription.on("retry", resolve));
  full.isRefusing = false;
  const two = await peer();
  assert.equal(two.asked.session, undefined);
  await two.listen(begins("b"));
  assert.equal((await two.hearAudio(64_000))[0], 3);
  await say(two, final("Three.", 2000, 1), "final");

  assert.deepEqual(finalsOf(told), [["One.", 1000], ["Two.", 2000], ["Three.", 4000]]);
  assert.deepEqual(namesOf(told, "gap", "error"), []);
  transcription.close();
});

test("who has said stop stays for the finals", async (context) => {
  const { transcription, told, peer, one, say } = await begun(context);
  await say(one, cutsOffIn(5050), "shutdown");
  const two = await peer();
  const stopped = transcription.stop();
  assert.equal(await one.hear(), '{"action":"stop"}');
  await two.listen(begins("b"));
  assert.deepEqual(await two.hear(), { close: 1000 });
  one.say(final("All.", 3000, 1));
  one.say({ state: "stopped" });
  await stopped;
  assert.deepEqual(finalsOf(told), [["All.", 3000]]);
  assert.deepEqual(namesOf(told, "retry", "gap", "error"), []);
});

test("another session that comes when the old one was lost meanwhile is left", async (context) => {
  const { transcription, told, peer, one, say } = await begun(context);
  await say(one, cutsOffIn(5050), "shutdown");
  const two = await peer();
  one.socket.terminate();
  const three = await peer();
  assert.equal(three.asked.session, "a".repeat(32));
  await two.listen(begins("b"));
  assert.deepEqual(await two.hear(), { close: 1000 });
  await three.listen({ ...begins("a"), received_bytes: 64_000 });
  assert.equal((await three.hearAudio(32_000))[0], 3);
  assert.deepEqual(namesOf(told, "retry", "gap", "error"), ["retry"]);
  transcription.close();
});

test("who does not want to resume does not move", async (context) => {
  const { transcription, told, peer, one, say } = await begun(context, { resume: false });
  await say(one, cutsOffIn(5000), "shutdown");
  await say(one, final("One.", 1000, 1), "final");
  one.say({ state: "stopped" });
  one.socket.close(1012);
  const two = await peer();
  await two.listen(begins("b"));
  assert.equal((await two.hearAudio(64_000)).length, 64_000);
  assert.deepEqual(namesOf(told, "retry", "gap", "error"), ["retry"]);
  transcription.close();
});

test("nothing is asked for or left running once it has ended, was lost or has moved", async (context) => {
  for (const end of ["close", "terminate", "move"]) {
    let asked = 0;
    const token = () => (asked++, "key");
    const { transcription, peer, one, say } = await begun(context, { token, retry: { firstDelayMs: 1000 } });
    await say(one, cutsOffIn(5060), "shutdown");
    await say(one, cutsOffIn(5030), "shutdown"); // it waits no longer than that
    if (end === "close") transcription.close();
    if (end === "terminate") {
      const lost = new Promise((resolve) => transcription.on("retry", resolve));
      one.socket.terminate();
      await lost;
    }
    if (end === "move") {
      const two = await peer();
      await two.listen(begins("b"));
      await two.hearAudio(96_000);
      await say(two, final("One.", 1000, 1), "final");
    }
    await new Promise((resolve) => setTimeout(resolve, 100)); // behind every timer of the moves
    assert.equal(asked, end === "move" ? 2 : 1, end);
    transcription.close();
  }
});

test("who is stopping opens no other session", async (context) => {
  let asked = 0;
  const { transcription, one, say } = await begun(context, { token: () => (asked++, "key") });
  const stopped = transcription.stop();
  assert.equal(await one.hear(), '{"action":"stop"}');
  await say(one, cutsOffIn(5000), "shutdown");
  await say(one, final("All.", 3000, 1), "final");
  await new Promise((resolve) => setTimeout(resolve, 50)); // behind the timer of a move
  one.say({ state: "stopped" });
  await stopped;
  assert.equal(asked, 1);
});

test("a session that is being opened is left with the old one", async (context) => {
  const { transcription, peer, one, say } = await begun(context);
  await say(one, cutsOffIn(5000), "shutdown");
  const two = await peer();
  assert.equal(await two.hear(), '{"action":"start"}');
  transcription.close();
  assert.deepEqual(await two.hear(), { close: 1000 });
});

test("a stop that was not read by a server that went down is said to another, behind what it may not have heard", async (context) => {
  const { transcription, told, peer, one } = await begun(context);
  const stopped = transcription.stop();
  assert.equal(await one.hear(), '{"action":"stop"}');
  one.say(final("One.", 1000, 1));
  one.say({ state: "stopped" });
  one.socket.close(1012); // it had ended by itself: else it would be 1000
  const two = await peer();
  await two.listen(begins("b"));
  assert.equal((await two.hearAudio(64_000)).length, 64_000);
  assert.equal(await two.hear(), '{"action":"stop"}');
  two.say(final("Two.", 2000, 1));
  two.say({ state: "stopped" });
  two.socket.close(1000);
  await stopped;
  assert.deepEqual(finalsOf(told), [["One.", 1000], ["Two.", 3000]]);
  assert.deepEqual(namesOf(told, "gap", "error"), []);
});

test("a session that a server ends unasked leads to another, whatever its close says", async (context) => {
  const { transcription, told, peer, one } = await begun(context);
  one.say(final("One.", 1000, 1));
  one.say({ state: "stopped" });
  const two = await peer(); // our own close may be faster than that of the server
  await two.listen(begins("b"));
  assert.equal((await two.hearAudio(64_000)).length, 64_000);
  assert.deepEqual(namesOf(told, "gap", "error"), []);
  transcription.close();
});
