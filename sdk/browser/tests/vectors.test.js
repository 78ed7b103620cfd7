// The recorded dialogues of `protocol/vectors`, as a well-behaved client lives through them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf } from "../src/address.js";
import { Connection } from "../src/connection.js";
import { readLegacy } from "../src/legacy.js";
import { names, readText } from "./vector_files.js";

const DIALOGUES = names.filter((name) => name.endsWith(".jsonl"));

/** @param {string} name */
async function readVector(name) {
  const lines = (await readText(name)).trim().split("\n");
  const [header, ...steps] = lines.map((line) => JSON.parse(line));
  return { header, steps };
}

/** @param {any} header */
function isLegacy(header) {
  return header.endpoint.replace(/\/$/, "") === "/realtime" || (header.query.results ?? header.settings.results) === "legacy";
}

/** @param {any} step */
function messageOf(step) {
  if ("text" in step) return step.text;
  const [unit, count] = "binary_hex" in step ? [step.binary_hex, 1] : step.binary_repeat;
  return Uint8Array.from(unit.repeat(count).match(/../g) ?? [], (/** @type {string} */ byte) => parseInt(byte, 16));
}

/** @param {Connection} connection @param {any} step */
function say(connection, step) {
  const message = messageOf(step);
  connection.handleTimer(step.at_ms ?? 0);
  if (typeof message !== "string") {
    connection.sendAudio(message);
    assert.deepEqual(connection.nextOutgoing(), message);
    return;
  }
  const { action, key, partial, actual_numbers } = JSON.parse(message);
  if (action === "start") connection.sendStart({ key, partials: partial ?? true, digits: actual_numbers ?? false });
  else if (action === "stop") connection.sendStop();
  const written = connection.nextOutgoing();
  assert.equal(typeof written, "string");
  const said = JSON.parse(/** @type {string} */ (written));
  assert.deepEqual([said.action, said.key], [action, key]);
  assert.equal(said.partial ?? true, partial ?? true);
  assert.equal(said.actual_numbers ?? false, actual_numbers ?? false);
}

/** @param {Connection} connection @param {any} step */
function leave(connection, step) {
  connection.handleTimer(step.at_ms ?? 0);
  if (step.close !== 1006) {
    connection.sendClose();
    const close = connection.nextOutgoing();
    assert.equal(/** @type {any} */ (close).close, step.close);
  }
  connection.receiveClose(step.close);
}

/** @param {Connection} connection @param {any} step */
function play(connection, step) {
  if (step.from === "server") {
    if ("http" in step) connection.receiveClose(1006);
    else if ("close" in step) connection.receiveClose(step.close);
    else if (step.sent ?? true) connection.receive(step.text, step.at_ms ?? 0);
  } else if (step.from === "client") {
    if ("close" in step) leave(connection, step);
    else if (step.well_behaved ?? true) say(connection, step);
  }
  while (connection.nextEvent() !== null);
}

test("there are vectors", () => assert.ok(DIALOGUES.length > 100));

for (const name of DIALOGUES) {
  test(`the connection plays ${name}`, async () => {
    const { header, steps } = await readVector(name);
    const isStream = header.endpoint.startsWith("/v2/client");
    const connection = new Connection({ now: 0, isStream, ...(isLegacy(header) && { readResult: readLegacy }) });

    for (const step of steps) play(connection, step);

    assert.equal(connection.nextOutgoing(), null);
    assert.equal(connection.state, header.expect.client_state);
  });
}

// What `Transcription` calls the parameters of the wire.
/** @type {Record<string, (value: string) => object>} */
const OPTIONS = {
  type: (value) => ({ mode: value }),
  language: (value) => ({ language: value }),
  languages: (value) => ({ languages: value.split(",") }),
  endpointing: (value) => ({ endpointingMs: Number(value) }),
  diarize: (value) => ({ diarize: value === "true" }),
  url: (value) => ({ url: value }),
  pace: (value) => ({ pace: value }),
  track: (value) => ({ track: Number(value) }),
};
const OF_COMING_BACK = ["session", "epoch", "finals", "oldest_byte"];
const BAD = /^(stream-)?(bad|empty|missing)-|-invalid/;

for (const name of DIALOGUES.filter((one) => !BAD.test(one))) {
  test(`a page can ask for the handshake of ${name}`, async () => {
    const { header } = await readVector(name);
    const asked = Object.entries(header.query).filter(([parameter]) => parameter in OPTIONS);
    const options = Object.assign({}, ...asked.map(([parameter, value]) => OPTIONS[parameter]?.(String(value))));

    const back = Object.entries(header.query).filter(([parameter]) => OF_COMING_BACK.includes(parameter));

    const wishes = { server: "wss://stt.example/prefix", resume: header.query.resume === "true", ...options };
    const { url, protocols } = addressOf(wishes, "good-key", Object.fromEntries(back));

    assert.deepEqual(protocols, ["token", "good-key"]);
    const { origin, pathname, searchParams } = new URL(url);
    assert.equal(origin, "wss://stt.example");
    assert.equal(pathname, "url" in options ? "/prefix/v2/client/-" : "/prefix/v2/realtime");
    const { resume } = header.query;
    const usual = { results: "standard", ...(resume === "true" && { resume }) };
    assert.deepEqual(Object.fromEntries(searchParams), { ...usual, ...Object.fromEntries([...asked, ...back]) });
  });
}
