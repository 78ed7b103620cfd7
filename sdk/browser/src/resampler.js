/**
 * Sound of any rate to 16 kHz, as a stream, with a filter: what lies above 8 kHz would else be heard
 * as something below it.
 *
 * A polyphase FIR filter: a sinc with a Kaiser window (J. F. Kaiser, 1974: width and attenuation
 * give its length and shape), whose phases are the fractions of a sample that the two rates need.
 * @module
 */

// Nothing is imported: the audio thread loads this file alone, which bundlers copy as it is.
const SAMPLE_RATE = 16_000; // of the wire, as in pcm.js
const PIECE_SAMPLES = SAMPLE_RATE / 10;

const LOOK_MS = 500; // what a busy page takes late comes all at once: it is late, not missing
const MISSING_MS = 1000; // less is that of a busy machine, and the audio thread makes up for it

const ATTENUATION_DB = 80;
const PASSED = 0.88; // of the lower half rate: 7 kHz of 8

/** Resamples one channel. What goes in and comes out is aligned: no delay, and no click between pieces. */
export class Resampler {
  #step; // input samples from one output sample to the next, as a fraction: #step / #phases
  #phases;
  #half; // taps on each side of an output sample
  /** @type {(Float32Array | undefined)[]} */
  #filters = [];
  #cutoff; // of the filter, in cycles per input sample
  #beta = 0.1102 * (ATTENUATION_DB - 8.7);
  /** @type {Float32Array} */
  #held; // input that later output still needs
  #position = 0; // of the next output sample in #held, in 1 / #phases of a sample
  #owed = 0; // output samples that the input so far is worth, in input samples times #phases
  #isSame;

  /** @param {number} fromHz A whole number of Hz. */
  constructor(fromHz) {
    if (!(Number.isInteger(fromHz) && fromHz >= 3000)) throw new RangeError(`resampler: a rate of ${fromHz} Hz`);
    const common = gcd(fromHz, SAMPLE_RATE);
    this.#step = fromHz / common;
    this.#phases = SAMPLE_RATE / common;
    const narrower = Math.min(1, SAMPLE_RATE / fromHz) / 2;
    const width = narrower * (1 - PASSED);
    this.#cutoff = narrower - width / 2;
    this.#half = Math.ceil((ATTENUATION_DB - 8) / (2.285 * 2 * Math.PI * width) / 2);
    this.#held = new Float32Array(this.#half); // silence before the first sample
    this.#position = this.#half * this.#phases;
    this.#isSame = fromHz === SAMPLE_RATE;
  }

  /**
   * Take samples, and return those that are ready.
   * @param {Float32Array} samples
   * @returns {Float32Array}
   */
  push(samples) {
    if (this.#isSame) return samples;
    this.#owed += samples.length * this.#phases;
    const held = new Float32Array(this.#held.length + samples.length);
    held.set(this.#held);
    held.set(samples, this.#held.length);
    const ready = Math.ceil(((held.length - this.#half) * this.#phases - this.#position) / this.#step);
    const output = new Float32Array(Math.max(0, ready));
    for (let index = 0; index < output.length; index++) {
      output[index] = this.#at(held, this.#position);
      this.#position += this.#step;
    }
    this.#owed -= output.length * this.#step;
    const done = Math.max(0, Math.floor(this.#position / this.#phases) - this.#half);
    this.#held = held.slice(done);
    this.#position -= done * this.#phases;
    return output;
  }

  /**
   * Return what was still held at the end of the sound.
   * @returns {Float32Array}
   */
  flush() {
    if (this.#isSame) return new Float32Array(0);
    const owed = Math.ceil(this.#owed / this.#step);
    this.#owed = 0;
    return this.push(new Float32Array(this.#half + Math.ceil(this.#step / this.#phases))).subarray(0, owed);
  }

  /** @param {Float32Array} held @param {number} position */
  #at(held, position) {
    const filter = this.#filter(position % this.#phases);
    const first = Math.floor(position / this.#phases) - this.#half + 1;
    let sum = 0;
    for (let tap = 0; tap < filter.length; tap++) {
      sum += /** @type {number} */ (filter[tap]) * (held[first + tap] ?? 0);
    }
    return sum;
  }

  /** @param {number} phase */
  #filter(phase) {
    return (this.#filters[phase] ??= this.#makeFilter(phase / this.#phases));
  }

  /** @param {number} fraction Of a sample, by which the output lies after an input sample. */
  #makeFilter(fraction) {
    const filter = new Float32Array(2 * this.#half);
    let sum = 0;
    for (let tap = 0; tap < filter.length; tap++) {
      const distance = tap - this.#half + 1 - fraction;
      const window = kaiser(distance / this.#half, this.#beta);
      const weight = 2 * this.#cutoff * sinc(2 * this.#cutoff * distance) * window;
      filter[tap] = weight;
      sum += weight;
    }
    return filter.map((weight) => weight / sum); // each phase passes a constant as it is
  }
}

/** @param {number} a @param {number} b @returns {number} */
const gcd = (a, b) => (b === 0 ? a : gcd(b, a % b));

/** @param {number} x */
const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** @param {number} x -1 to 1 @param {number} beta */
const kaiser = (x, beta) => (Math.abs(x) > 1 ? 0 : bessel(beta * Math.sqrt(1 - x * x)) / bessel(beta));

/** The modified Bessel function of order 0, by its power series. @param {number} x */
function bessel(x) {
  let sum = 1;
  for (let term = 1, k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** How late the sound of a live source is. */
export class Lateness {
  #broughtMs = 0;
  #usualMs = 0;
  #leastMs = Infinity; // of the present look
  #lookedAtMs;
  #startedAtMs;

  /** @param {number} nowMs On a clock that goes on while the machine sleeps. */
  constructor(nowMs) {
    this.#startedAtMs = this.#lookedAtMs = nowMs;
  }

  /**
   * Take note of sound that comes, and return how much is missing before it, in ms: mostly 0. It is
   * known half a second later.
   * @param {number} lengthMs
   * @param {number} nowMs
   */
  note(lengthMs, nowMs) {
    let missingMs = 0;
    if (nowMs - this.#lookedAtMs >= LOOK_MS) {
      if (this.#leastMs < Infinity) {
        missingMs = this.#leastMs - this.#usualMs;
        this.#usualMs = this.#leastMs;
      }
      this.#leastMs = Infinity;
      this.#lookedAtMs = nowMs;
    }
    this.#broughtMs += lengthMs;
    this.#leastMs = Math.min(this.#leastMs, nowMs - this.#startedAtMs - this.#broughtMs);
    return missingMs >= MISSING_MS ? missingMs : 0;
  }
}

// In the audio thread: sound of any rate and any number of channels to pieces of 100 ms.

/** What the audio thread runs; other threads do not know what it is made of. */
function processor() {
  return class extends AudioWorkletProcessor {
    #resampler = new Resampler(sampleRate);
    #piece = new Float32Array(PIECE_SAMPLES);
    #filled = 0;
    #isOver = false;
    #lateness;

    /** @param {{processorOptions: {startedAtMs: number}}} options */
    constructor({ processorOptions }) {
      super();
      this.#lateness = new Lateness(processorOptions.startedAtMs);
      this.port.onmessage = () => {
        this.#take(this.#resampler.flush());
        this.#send();
        this.port.postMessage(null);
        this.#isOver = true;
      };
    }

    /** @param {Float32Array[][]} inputs */
    process([channels]) {
      if (channels && channels.length > 0) this.#take(this.#resampler.push(mix(channels)));
      return !this.#isOver;
    }

    /** @param {Float32Array} samples */
    #take(samples) {
      for (const sample of samples) {
        this.#piece[this.#filled++] = sample;
        if (this.#filled === PIECE_SAMPLES) this.#send();
      }
    }

    #send() {
      const samples = this.#piece.subarray(0, this.#filled);
      this.#filled = 0;
      if (samples.length === 0) return;
      const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
      const rms = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
      const missingMs = this.#lateness.note((samples.length / SAMPLE_RATE) * 1000, Date.now());
      this.port.postMessage({ samples: samples.slice(), peak, rms, missingMs });
    }
  };
}

/**
 * The mean of all channels.
 * @param {Float32Array[]} channels
 */
function mix(channels) {
  const [first = new Float32Array(0), ...others] = channels;
  if (others.length === 0) return first;
  return first.map((sample, index) => {
    const sum = others.reduce((total, channel) => total + (channel[index] ?? 0), sample);
    return sum / channels.length;
  });
}

if (typeof registerProcessor === "function") registerProcessor("scribewire-pcm", processor());
