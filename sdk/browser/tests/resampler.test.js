import assert from "node:assert/strict";
import { test } from "node:test";

import { toPcm16 } from "../src/pcm.js";
import { Resampler } from "../src/resampler.js";

const RATES = [8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000];

/** @param {number} rate @param {number} hz @param {number} [seconds] */
function tone(rate, hz, seconds = 1) {
  return Float32Array.from({ length: Math.round(rate * seconds) }, (_, n) => Math.sin((2 * Math.PI * hz * n) / rate));
}

/** @param {number} rate @param {Float32Array} samples @param {number[]} [sizes] */
function resample(rate, samples, sizes = [samples.length]) {
  const resampler = new Resampler(rate);
  const pieces = [];
  for (let start = 0, turn = 0; start < samples.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(resampler.push(samples.subarray(start, start + size)));
    start += size;
  }
  pieces.push(resampler.flush());
  return Float32Array.from(pieces.flatMap((piece) => [...piece]));
}

/** Level in dB of full scale, away from both ends. @param {Float32Array} samples */
function level(samples) {
  const middle = samples.subarray(1000, -1000);
  return 10 * Math.log10(middle.reduce((sum, sample) => sum + sample ** 2, 0) / middle.length / 0.5 + 1e-20);
}

for (const rate of RATES) {
  test(`${rate} Hz: as many samples as the time is worth`, () => {
    for (const count of [1, 7, 160, 4801, rate]) {
      assert.equal(resample(rate, new Float32Array(count)).length, Math.ceil((count * 16000) / rate));
    }
  });

  test(`${rate} Hz: speech passes unchanged, in place`, () => {
    for (const hz of [100, 1000, 3000, ...(rate > 8000 ? [6500] : [])]) {
      const got = resample(rate, tone(rate, hz));
      const wanted = tone(16000, hz);
      const error = got.map((sample, n) => sample - (wanted[n] ?? 0));
      assert.ok(level(error) < -55, `${hz} Hz: off by ${level(error)} dB`);
    }
  });

  test(`${rate} Hz: pieces join without a click`, () => {
    const sound = tone(rate, 440, 0.3);
    const whole = resample(rate, sound);
    assert.deepEqual(resample(rate, sound, [128]), whole);
    assert.deepEqual(resample(rate, sound, [1, 333, 7, 4000]), whole);
  });
}

for (const rate of RATES.filter((one) => one > 16000)) {
  test(`${rate} Hz: nothing above 8 kHz comes back as something below`, () => {
    for (let hz = 8100; hz < rate / 2; hz += 370) {
      const got = resample(rate, tone(rate, hz, 0.3));
      assert.ok(level(got) < -60, `${hz} Hz: ${level(got)} dB`);
    }
  });
}

test("a rate that is none is refused", () => {
  for (const rate of [0, -1, 44100.5, NaN]) assert.throws(() => new Resampler(rate), RangeError);
});

test("PCM is 16 bits, little-endian, and clipped", () => {
  assert.deepEqual([...toPcm16(Float32Array.of(0, 1, -1, 2, 0.5))], [0, 0, 0xff, 0x7f, 0x01, 0x80, 0xff, 0x7f, 0x00, 0x40]);
});
