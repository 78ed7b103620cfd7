// In place of `node:test`, in a browser: runs the tests of a page one after the other.

/** @type {{name: string, run: () => unknown}[]} */
const tests = [];

/** @param {string} name @param {() => unknown} run */
export function test(name, run) {
  tests.push({ name, run });
}

/** Run all that was registered; return how many, and what failed. */
export async function runAll() {
  const failures = [];
  for (const { name, run } of tests) {
    try {
      await run();
    } catch (error) {
      failures.push(`${name}: ${error}`);
    }
  }
  return { count: tests.length, failures };
}
