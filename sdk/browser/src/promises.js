/**
 * Promises that end.
 * @module
 */

/**
 * What a function gives, or a rejection once it has taken too long.
 * @param {number} ms
 * @param {() => string | Promise<string>} make
 * @returns {Promise<string>}
 */
export function within(ms, make) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`none within ${ms / 1000} s`)), ms);
    (async () => make())().then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** `Promise.withResolvers`, which is younger than some browsers in use. */
export function withResolvers() {
  const made = /** @type {{promise: Promise<void>, resolve: () => void, reject: (error: Error) => void}} */ ({});
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
