// In place of `node:assert/strict`, in a browser: as much of it as the tests use.

/** @param {unknown} value @param {unknown} [message] */
function ok(value, message) {
  if (!value) throw new Error(String(message ?? "not true"));
}

/** @param {unknown} actual @param {unknown} expected @param {unknown} [message] */
function equal(actual, expected, message) {
  ok(Object.is(actual, expected), message ?? `${actual} instead of ${expected}`);
}

/** @param {any} actual @param {any} expected */
function deepEqual(actual, expected) {
  const differ = `${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`;
  if (typeof expected !== "object" || expected === null) return equal(actual, expected, differ);
  equal(Object.prototype.toString.call(actual), Object.prototype.toString.call(expected), differ);
  equal(Object.keys(actual).length, Object.keys(expected).length, differ);
  for (const key of Object.keys(expected)) deepEqual(actual[key], expected[key]);
}

/** @param {() => unknown} act @param {any} expected @param {unknown} [message] */
function throws(act, expected, message) {
  try {
    act();
  } catch (error) {
    const isRight = expected.prototype instanceof Error ? error instanceof expected : expected(error);
    return ok(isRight, `${message ?? ""}: ${error}`);
  }
  throw new Error(`nothing was thrown: ${message ?? ""}`);
}

export default { ok, equal, deepEqual, throws };
