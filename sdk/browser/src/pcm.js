/**
 * Sound as it stands on the wire.
 * @module
 */

/** The rate of the wire, in Hz. */
export const SAMPLE_RATE = 16_000;

/**
 * Samples between -1 and 1 as 16 bits, little-endian; what is beyond is clipped.
 * @param {Float32Array} samples
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function toPcm16(samples) {
  const bytes = new Uint8Array(samples.length * 2);
  const view = new DataView(bytes.buffer);
  samples.forEach((sample, index) => {
    const clipped = Math.max(-1, Math.min(1, sample));
    view.setInt16(index * 2, Math.round(clipped * 32767), true);
  });
  return bytes;
}
