/**
 * Files to sound; loaded once there is a file.
 * @module
 */

import { TranscriptionError } from "./errors.js";
import { SAMPLE_RATE, toPcm16 } from "./pcm.js";

/** @import { Sink } from "./sources.js" */

const PIECE_SAMPLES = SAMPLE_RATE; // 1 s
const LONGEST_FILE_S = 4 * 3600; // 0.9 GB for each channel as the browser decodes it
const LARGEST_FILE_BYTES = 2 ** 30; // more would end the tab before its length is known

/**
 * Decode a file; return what brings its sound.
 * @param {Blob} file
 * @param {() => boolean} isStopped
 * @returns {Promise<(sink: Sink) => Promise<void>>}
 */
export async function openFile(file, isStopped) {
  const samples = await samplesOf(file);
  return async (sink) => {
    for (let start = 0; start < samples.length && !isStopped(); start += PIECE_SAMPLES) {
      await sink.audio(toPcm16(samples.subarray(start, start + PIECE_SAMPLES)));
    }
    if (!isStopped()) sink.ended();
  };
}

/** @param {Blob} file */
async function samplesOf(file) {
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
