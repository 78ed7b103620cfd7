/**
 * Which microphones there are; loaded by who asks.
 * @module
 */

/** @returns {Promise<{deviceId: string, label: string}[]>} */
export async function microphones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const found = devices.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId !== "");
  return found.map(({ deviceId, label }) => ({ deviceId, label: label || "Microphone" }));
}
