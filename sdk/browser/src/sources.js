/**
 * Where audio comes from: a microphone, a tab or screen, any `MediaStream`, a file.
 * @module
 */

import { TranscriptionError } from "./errors.js";
import { SAMPLE_RATE, toPcm16 } from "./pcm.js";

/** @import { Sink, Source } from "./transcription.js" */

const PIECE_SAMPLES = SAMPLE_RATE; // of a file, 1 s
const LONGEST_FILE_S = 4 * 3600; // 0.9 GB for each channel as the browser decodes it
const LARGEST_FILE_BYTES = 2 ** 30; // more would end the tab before its length is known

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
      throw new TranscriptionError("no device", "no sound: what was chosen has no audio track");
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
      if (this.#isStopped) throw new TranscriptionError("denied", "stopped before there was an answer");
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
    if (!navigator.mediaDevices) throw notHere("a page may use a microphone only over https, or on this machine");
    const unplugged = () => sink.failed(new TranscriptionError("unplugged", "the microphone is gone: it was unplugged or taken away"));
    const asked = ask(
      navigator.mediaDevices.getUserMedia({ audio: this.#constraints }),
      "this page may not use the microphone: allow it in the browser, beside the page's address, and try again",
    );
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
    if (!navigator.mediaDevices?.getDisplayMedia) throw notHere("this browser cannot share the sound of a tab");
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const asked = ask(
      navigator.mediaDevices.getDisplayMedia({ audio, video: true }),
      "nothing was shared: choose a tab or a screen, and share its sound",
    );
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
    const samples = await decode(this.#file);
    void this.#bring(samples, sink);
  }

  stop() {
    this.#isStopped = true;
  }

  /** @param {Float32Array} samples @param {Sink} sink */
  async #bring(samples, sink) {
    for (let start = 0; start < samples.length && !this.#isStopped; start += PIECE_SAMPLES) {
      await sink.audio(toPcm16(samples.subarray(start, start + PIECE_SAMPLES)));
    }
    if (!this.#isStopped) sink.ended();
  }
}

/**
 * The microphones that there are; they have names once the page may use one.
 * @returns {Promise<{deviceId: string, label: string}[]>}
 */
export async function listMicrophones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const microphones = devices.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId !== "");
  return microphones.map(({ deviceId, label }) => ({ deviceId, label: label || "Microphone" }));
}

/** @param {Blob} file */
async function decode(file) {
  const tooLong = "a file of more than 4 hours or 1 GB: cut it, or let the server fetch it";
  if (file.size > LARGEST_FILE_BYTES) throw new TranscriptionError("unreadable", tooLong);
  const context = new OfflineAudioContext(1, 1, SAMPLE_RATE);
  let buffer;
  try {
    buffer = await context.decodeAudioData(await file.arrayBuffer());
  } catch (cause) {
    throw new TranscriptionError("unreadable", "this browser cannot read the file as audio", { cause });
  }
  if (buffer.duration > LONGEST_FILE_S) {
    throw new TranscriptionError("unreadable", tooLong);
  }
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, index) => buffer.getChannelData(index));
  const [first = new Float32Array(0), ...others] = channels;
  for (const channel of others) channel.forEach((sample, index) => (first[index] = (first[index] ?? 0) + sample));
  return others.length === 0 ? first : first.map((sample) => sample / channels.length);
}

/**
 * @param {Promise<MediaStream>} asked
 * @param {string} denied What to tell a person who has said no.
 */
async function ask(asked, denied) {
  try {
    return await asked;
  } catch (cause) {
    const name = cause instanceof Error ? cause.name : "";
    if (name === "NotAllowedError" || name === "SecurityError") throw new TranscriptionError("denied", denied, { cause });
    const isMissing = name === "NotFoundError" || name === "OverconstrainedError";
    const words = isMissing ? "none was found: plug one in, or choose another" : "it cannot be used: another program may have it";
    throw new TranscriptionError("no device", `microphone or screen: ${words}`, { cause });
  }
}

/** Make what hears, with what resamples in it. */
async function openContext() {
  if (typeof AudioWorkletNode === "undefined") throw notHere("this browser has no AudioWorklet");
  const context = new AudioContext();
  try {
    await context.audioWorklet.addModule(new URL("./resampler.js", import.meta.url));
  } catch (cause) {
    void context.close();
    throw new TranscriptionError("unreachable", "a part of this page cannot be loaded: is the server running there?", { cause });
  }
  return context;
}

/** @param {string} words */
const notHere = (words) => new TranscriptionError("unsupported", words);

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
