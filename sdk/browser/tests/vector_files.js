// Where the recorded dialogues are, in Node; in a browser another module stands in this one's place.
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";

const FOLDER = new URL("../../../protocol/vectors/", import.meta.url);

export const names = readdirSync(FOLDER);

/** @param {string} name */
export const readText = (name) => readFile(new URL(name, FOLDER), "utf8");
