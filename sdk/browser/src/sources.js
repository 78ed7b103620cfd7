/**
 * Where audio comes from: a microphone, a tab or screen, any `MediaStream`, a file.
 * @module
 */

import { TranscriptionError } from "./errors.js";
import { toPcm16 } from "./pcm.js";

/** @import { Trouble } from "./trouble.js" */

/**
 * What a source of audio calls.
 * @typedef {object} Sink
 * @property {(pcm: Uint8Array<ArrayBuffer>) => Promise<void>} audio 16 kHz, mono, 16 bits, little-endian; a source
 *   that can wait, such as a file, awaits it.
 * @property {(level: {rms: number, peak: number}) => void} level Of the latest audio, 0 to 1.
 * @property {(ms: number, reason: string) => void} gap Audio of this length is missing here.
 * @property {() => void} ended There is no more.
 * @property {(error: TranscriptionError) => void} failed There is no more, because of this.
 */

/**
 * A source of audio. `start` rejects with a `TranscriptionError` if there will be none.
 * @typedef {{start: (sink: Sink) => Promise<void>, stop: () => Promise<void> | void}} Source
 */

/**
 * The sound of a `MediaStream`, until its track ends.
 * @implements {Source}
 */
export class StreamSource {
  #stream;
  #prepared;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {AudioWorkletNode | null} */
  #worklet = null;
  /** @type {MediaStreamAudioSourceNode | null} */
  #node = null; // browsers forget one that nobody holds
  #listening = new AbortController();

  /**
   * @param {MediaStream} stream It goes on when this source is stopped: who made it ends it.
   * @param {Promise<AudioContext>} [prepared] Where it is to be heard, if that is being made already.
   */
  constructor(stream, prepared) {
    this.#stream = stream;
    this.#prepared = prepared;
  }

  /** @param {Sink} sink */
  async start(sink) {
    const context = await (this.#prepared ??= openContext());
    const [track] = this.#stream.getAudioTracks();
    if (this.#listening.signal.aborted || !track) {
      void context.close();
      if (track) return; // stopped meanwhile
      throw await trouble("no sound");
    }
    this.#context = context;
    const options = { numberOfOutputs: 0, processorOptions: { startedAtMs: Date.now() } };
    const worklet = (this.#worklet = new AudioWorkletNode(context, "scribewire-pcm", options));
    worklet.port.onmessage = ({ data }) => {
      if (data === null) return;
      if (data.missingMs > 0) sink.gap(data.missingMs, "the browser had paused the audio, or the machine slept");
      void sink.audio(toPcm16(data.samples));
      sink.level({ rms: data.rms, peak: data.peak });
    };
    worklet.onprocessorerror = () => sink.failed(new TranscriptionError("unreadable", "the audio could not be read on"));
    track.addEventListener("ended", () => sink.ended(), { signal: this.#listening.signal });
    context.onstatechange = () => this.#resume();
    this.#node = context.createMediaStreamSource(this.#stream);
    this.#node.connect(worklet);
    this.#resume();
  }

  async stop() {
    const [context, worklet] = [this.#context, this.#worklet];
    this.#listening.abort();
    this.#context = this.#worklet = null;
    if (!context || !worklet) return;
    if (context.state === "running") await flushed(worklet.port);
    worklet.port.onmessage = worklet.onprocessorerror = null;
    this.#node?.disconnect();
    this.#node = null;
    await context.close();
  }

  /** After a tab has slept, or a call had taken the microphone: go on as soon as it may. */
  #resume() {
    if (this.#context?.state !== "running") this.#context?.resume().catch(() => {});
  }
}

/** What the browser captures when a person allows it. */
class CapturedSource {
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {StreamSource | null} */
  #source = null;
  #isStopped = false;

  /**
   * @param {Sink} sink
   * @param {Promise<MediaStream>} asked
   */
  async capture(sink, asked) {
    const prepared = openContext(); // while the person reads: what is said at once is to be heard
    prepared.catch(() => {}); // told once there is an answer
    try {
      this.#stream = await asked;
      if (this.#isStopped) throw new Error(); // nobody is told
      this.#source = new StreamSource(this.#stream, prepared);
      await this.#source.start(sink);
    } catch (error) {
      endTracks(this.#stream);
      prepared.then((context) => context.close()).catch(() => {});
      if (!this.#isStopped) throw error;
    }
  }

  async stop() {
    this.#isStopped = true;
    await this.#source?.stop();
    endTracks(this.#stream);
  }
}

/**
 * A microphone.
 * @implements {Source}
 */
export class Microphone extends CapturedSource {
  #constraints;

  /** @param {{deviceId?: string} & MediaTrackConstraints} [constraints] Which one (`listMicrophones`), and how it is to sound. */
  constructor({ deviceId, ...constraints } = {}) {
    super();
    this.#constraints = { ...constraints, ...(deviceId && { deviceId: { exact: deviceId } }) };
  }

  /** @param {Sink} sink */
  async start(sink) {
    if (!navigator.mediaDevices) throw await trouble("no microphone");
    const unplugged = () => sink.failed(new TranscriptionError("unplugged", "the microphone is gone: it was unplugged or taken away"));
    const asked = ask(navigator.mediaDevices.getUserMedia({ audio: this.#constraints }), "microphone");
    await this.capture({ ...sink, ended: unplugged }, asked);
  }
}

/**
 * The sound of a tab, a window or a screen, which the browser lets a person choose. It ends when
 * the person ends the sharing.
 * @implements {Source}
 */
export class TabAudio extends CapturedSource {
  /** @param {Sink} sink */
  async start(sink) {
    if (!navigator.mediaDevices?.getDisplayMedia) throw await trouble("no screen");
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const asked = ask(navigator.mediaDevices.getDisplayMedia({ audio, video: true }), "screen");
    await this.capture(sink, asked);
  }
}

/**
 * A file that the browser can decode, as fast as the server takes it.
 * @implements {Source}
 */
export class FileSource {
  #file;
  #isStopped = false;

  /** @param {Blob} file */
  constructor(file) {
    this.#file = file;
  }

  /** @param {Sink} sink */
  async start(sink) {
    const { openFile } = await import("./decoding.js");
    const bring = await openFile(this.#file, () => this.#isStopped);
    void bring(sink);
  }

  stop() {
    this.#isStopped = true;
  }
}

/**
 * The microphones that there are; they have names once the page may use one.
 * @returns {Promise<{deviceId: string, label: string}[]>}
 */
export async function listMicrophones() {
  return (await import("./microphones.js")).microphones();
}

/**
 * @param {Promise<MediaStream>} asked
 * @param {"microphone" | "screen"} what
 */
const ask = (asked, what) =>
  asked.catch(async (cause) => {
    throw await trouble(what, cause);
  });

/** @param {Trouble} what @param {unknown} [cause] */
const trouble = async (what, cause) => (await import("./trouble.js")).explainTrouble(what, cause);

/** Make what hears, with what resamples in it. */
async function openContext() {
  if (typeof AudioWorkletNode === "undefined") throw await trouble("no audio thread");
  const context = new AudioContext();
  try {
    await context.audioWorklet.addModule(new URL("./resampler.js", import.meta.url));
  } catch (cause) {
    void context.close();
    throw new TranscriptionError("unreachable", "a part of this page cannot be loaded: is the server running there?", { cause });
  }
  return context;
}

/** @param {MediaStream | null} stream */
function endTracks(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/**
 * Wait for what the audio thread still holds.
 * @param {MessagePort} port
 */
function flushed(port) {
  return new Promise((resolve) => {
    port.addEventListener("message", ({ data }) => data === null && resolve(undefined));
    setTimeout(resolve, 500); // an audio thread that is gone does not answer
    port.postMessage("flush");
  });
}
