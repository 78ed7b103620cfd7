/**
 * The captions page: its controls, and what follows from them.
 * @module
 */

import { FileSource, listMicrophones, Microphone, TabAudio, Transcription } from "../sdk/index.js";
import { CaptionsSender } from "./captions_channel.js";
import { download } from "./downloads.js";
import { KeyDialog } from "./key_dialog.js";
import { Replay } from "./replay.js";
import { holdLock, lasting, ofTab } from "./storage.js";
import { Store, TRANSCRIPT } from "./store.js";
import { elementOf, TranscriptView } from "./transcript_view.js";
import { explain, languageName, STATES } from "./words.js";

/** @import { ConnectionState, Source, TranscriptionError } from "../sdk/index.js" */

const SERVER = new URL("./", document.baseURI).href.replace(/[?#].*$/, "");
const DELAYS = 9; // the median of as many is shown

const store = new Store(lasting);
const replay = new Replay();
const keys = new KeyDialog();
const captions = new CaptionsSender();
const view = new TranscriptView(store, { play, changed: () => captions.showFinals(recentTexts()) });

/** @type {Transcription | null} */
let running = null;
let isFinishing = false;
let isWarnedOfLoss = false;
/** @type {number[]} */
let delays = [];

const controls = /** @type {HTMLFormElement} */ (elementOf("controls"));
const start = /** @type {HTMLButtonElement} */ (elementOf("start"));
const stop = /** @type {HTMLButtonElement} */ (elementOf("stop"));
const level = /** @type {HTMLMeterElement} */ (elementOf("level"));
const format = /** @type {HTMLSelectElement} */ (elementOf("format"));

/** @param {string} id */
const valueOf = (id) => /** @type {HTMLInputElement | HTMLSelectElement} */ (elementOf(id)).value;
/** @param {string} id */
const isChecked = (id) => /** @type {HTMLInputElement} */ (elementOf(id)).checked;
const sourceName = () => String(new FormData(controls).get("source") ?? chosenSource);
let chosenSource = "microphone"; // a form whose fields are disabled says nothing

// Starting and stopping.

controls.addEventListener("submit", (event) => {
  event.preventDefault();
  void begin();
});
stop.addEventListener("click", (event) => {
  if (isFinishing) {
    if (event.detail < 2) running?.close(); // a double click is one wish
    return;
  }
  isFinishing = true;
  stop.textContent = "Finishing… (leave now)";
  void running?.stop();
});

async function begin() {
  notice("");
  if (running) return;
  const missing = missingChoice();
  if (missing) return notice(missing);
  const key = await keys.get();
  if (key === null) return start.focus();
  await settled;
  if (running) return; // by another press meanwhile
  const transcription = new Transcription({
    server: SERVER,
    token: key,
    mode: valueOf("mode") === "quality" ? "quality" : "fast",
    diarize: isChecked("speakers"),
    ...(valueOf("language") && { language: valueOf("language") }),
    ...(sourceName() === "stream" ? { url: valueOf("url").trim() } : { digits: isChecked("digits") }),
  });
  running = transcription;
  chosenSource = sourceName();
  store.beginSession();
  replay.clear();
  delays = [];
  follow(transcription);
  showRunning(true);
  try {
    await transcription.start(makeSource());
    if (chosenSource === "microphone") await showMicrophones(); // now they have names
  } catch {
    // told by its `error`
  }
}

function missingChoice() {
  if (sourceName() === "file" && !chosenFile()) return "Choose a file first.";
  if (sourceName() === "stream" && valueOf("url").trim() === "") return "Write the address of the stream first.";
  return "";
}

/** @returns {Source | undefined} */
function makeSource() {
  switch (chosenSource) {
    case "tab":
      return new TabAudio();
    case "file":
      return new FileSource(/** @type {File} */ (chosenFile()));
    case "stream":
      return undefined;
    default:
      return new Microphone(valueOf("device") ? { deviceId: valueOf("device") } : {});
  }
}

function chosenFile() {
  return /** @type {HTMLInputElement} */ (elementOf("file")).files?.[0];
}

/** @param {Transcription} transcription */
function follow(transcription) {
  const isLocal = chosenSource !== "stream";
  transcription.on("state", showState);
  transcription.on("partial", ({ text, offsetMs }) => {
    view.showPartial(text);
    captions.showPartial(text);
    if (isLocal) showDelay(transcription.durationMs - offsetMs);
  });
  transcription.on("final", (final) => {
    view.showPartial("");
    if (final.text !== "") view.add(store.add(final));
    captions.showFinals(recentTexts());
    if (!store.isKept) warnOfLoss("This browser has no room to keep the transcript");
  });
  transcription.on("gap", (gap) => view.add(store.addGap(gap)));
  transcription.on("audio", ({ pcm, startMs }) => replay.add(store.baseMs + startMs, pcm));
  transcription.on("level", ({ peak }) => (level.value = Math.sqrt(peak))); // as loud as it sounds
  transcription.on("retry", ({ error }) => notice(`${explain(error).split(". ")[0]}. Connecting again…`, "warn"));
  transcription.on("shutdown", () => notice("The server is going to restart. Captions go on at another one, or when it is back.", "warn"));
  transcription.on("error", (error) => void showFailure(error));
  transcription.on("end", () => {
    running = null;
    view.showPartial("");
    captions.showPartial("");
    level.value = 0;
    elementOf("delay").textContent = "";
    showRunning(false);
    const { dataset } = document.body;
    dataset.runs = String(Number(dataset.runs ?? 0) + 1); // who waits for an end may not have seen the beginning
  });
}

/** @param {TranscriptionError} error */
async function showFailure(error) {
  notice(explain(error));
  if (error.status !== 401) return;
  keys.forget();
  const key = await keys.ask("The server does not know this key. Write another one.");
  if (key === null) start.focus();
  else await begin();
}

// Showing.

/** @param {ConnectionState} state */
function showState(state) {
  const element = elementOf("state");
  element.dataset.state = state;
  element.textContent = STATES[state];
  if (state === "listening" || state === "connected") clearWarning();
}

/** @param {number} delayMs */
function showDelay(delayMs) {
  delays = [...delays, Math.max(0, delayMs)].slice(-DELAYS);
  const median = [...delays].sort((a, b) => a - b)[Math.floor(delays.length / 2)] ?? 0;
  elementOf("delay").textContent = `${(median / 1000).toFixed(1)} s behind`;
}

/** @param {boolean} isRunning */
function showRunning(isRunning) {
  const isElsewhere = document.activeElement !== stop && document.activeElement !== document.body;
  controls.toggleAttribute("data-running", isRunning);
  isFinishing = false;
  start.hidden = isRunning;
  stop.hidden = !isRunning;
  stop.textContent = "Stop";
  for (const element of controls.querySelectorAll("input, select, #forget-key")) {
    /** @type {HTMLInputElement} */ (element).disabled = isRunning;
  }
  if (!isRunning) showSource();
  if (isRunning) stop.focus();
  else if (!isElsewhere) start.focus(); // a person may be correcting a word
}

/** @param {string} text @param {"error" | "warn"} [kind] */
function notice(text, kind = "error") {
  const element = elementOf("notice");
  element.replaceChildren();
  if (text === "") return;
  const paragraph = document.createElement("p");
  paragraph.dataset.kind = kind;
  paragraph.textContent = text;
  element.append(paragraph);
}

function clearWarning() {
  if (elementOf("notice").querySelector('[data-kind="warn"]')) notice("");
}

/** A person is told once that nothing is kept. @param {string} why */
function warnOfLoss(why) {
  if (isWarnedOfLoss) return;
  isWarnedOfLoss = true;
  notice(`${why}: download it before you close the page.`, "warn");
}

function recentTexts() {
  return store.lines.slice(-6).flatMap((line) => (line.kind === "gap" ? [] : [line.text]));
}

/** @param {number} startMs @param {number} endMs */
function play(startMs, endMs) {
  if (replay.play(startMs, endMs, () => view.mark(null))) view.mark((startMs + endMs) / 2);
  else notice("The sound of this word is not here: it is kept of this session's microphone, tab or file, for an hour.", "warn");
}

// Choices.

function showSource() {
  for (const element of controls.querySelectorAll("[data-for]")) {
    const isChosen = /** @type {HTMLElement} */ (element).dataset.for === sourceName();
    /** @type {HTMLElement} */ (element).hidden = !isChosen;
  }
  /** @type {HTMLInputElement} */ (elementOf("digits")).disabled = sourceName() === "stream";
}

/** Browsers that give pages the sound of tabs can also silence it. */
function showTabSound() {
  const devices = navigator.mediaDevices;
  const tab = /** @type {HTMLElement} */ (controls.querySelector("[value=tab]")?.parentElement);
  tab.hidden = !devices?.getDisplayMedia;
  if (!tab.hidden && !("suppressLocalAudioPlayback" in devices.getSupportedConstraints())) {
    elementOf("tab-hint").textContent =
      "This browser may share no sound: Chrome and Edge on a computer do. A file or a stream URL works here too.";
  }
}

async function showMicrophones() {
  const select = /** @type {HTMLSelectElement} */ (elementOf("device"));
  const chosen = select.value;
  const options = (await listMicrophones()).map(({ deviceId, label }) => new Option(label, deviceId));
  select.replaceChildren(new Option("The usual one", ""), ...options.filter(({ value }) => value !== "default"));
  select.value = chosen;
}

async function showWhatIsServed() {
  const select = /** @type {HTMLSelectElement} */ (elementOf("language"));
  const answer = await fetch(new URL("v1/models", SERVER), { credentials: "omit" });
  const { languages, default_language, auto, streams } = await answer.json();
  const codes = Object.keys(languages);
  const options = codes.map((code) => new Option(languageName(code), code));
  if (auto.languages.length > 1) options.unshift(new Option("Find out by listening", "auto"));
  select.replaceChildren(...options);
  select.value = lasting.get("scribewire.language") ?? default_language;
  if (select.value === "") select.value = default_language;
  const stream = /** @type {HTMLElement} */ (controls.querySelector("[value=stream]")?.parentElement);
  stream.hidden = !streams;
}

controls.addEventListener("change", (event) => {
  const { target } = event;
  if (target instanceof HTMLInputElement && target.name === "source") showSource();
  if (target instanceof HTMLSelectElement && target.id === "language") lasting.put("scribewire.language", target.value);
});
elementOf("forget-key").addEventListener("click", () => {
  keys.forget();
  void keys.ask();
});
navigator.mediaDevices?.addEventListener("devicechange", () => void showMicrophones());

// Tools.

elementOf("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(store.toTranscript().toText());
    notice("Copied.", "warn");
  } catch {
    notice("This browser does not let the page copy: download the text instead.");
  }
});
format.addEventListener("change", () => {
  if (format.value !== "") download(store.toTranscript(), format.value);
  format.value = "";
});
elementOf("clear").addEventListener("click", async () => {
  const dialog = /** @type {HTMLDialogElement} */ (elementOf("clear-dialog"));
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "yes") return;
  if (running) replay.dropUntil(store.endMs); // words that are yet to come have theirs
  else replay.clear();
  store.clear();
  view.draw();
  captions.showFinals([]);
});
elementOf("large").addEventListener("click", () => {
  const { name } = captions;
  if (name) window.open(new URL(`page/captions.html#${name}`, SERVER), name, "popup,width=1000,height=340");
});

// Beginning.

/** One page writes the transcript; another one that is opened meanwhile has its own, until its tab is closed. */
async function settle() {
  if (!lasting.isThere) return warnOfLoss("This browser is set to keep nothing for this page, so the transcript is lost with it");
  const hasOwn = ofTab.get(TRANSCRIPT) !== null; // it was loaded again
  if (!hasOwn && (await holdLock(TRANSCRIPT))) return;
  store.moveTo(ofTab);
  view.draw();
  captions.showFinals(recentTexts());
  const why = hasOwn ? "This tab has a transcript of its own" : "The transcript is being written in another tab; this tab has its own";
  notice(`${why}, which is kept until you close it.`, "warn");
}

captions.onhello = () => captions.showFinals(recentTexts());
const settled = settle();
elementOf("large").hidden = captions.name === null;
showTabSound();
showSource();
showState("disconnected");
void showMicrophones();
showWhatIsServed().catch(() => notice("The server does not say which languages it has: look whether it runs, and reload the page."));
