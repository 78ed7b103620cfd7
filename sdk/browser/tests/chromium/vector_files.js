// Where the recorded dialogues are, in a browser.

/** @type {string[]} */
export const names = await (await fetch("/vectors.json")).json();

/** @param {string} name */
export const readText = async (name) => (await fetch(`/protocol/vectors/${name}`)).text();
