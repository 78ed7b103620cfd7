// Writes docs/sdk-reference.md from the types of the SDK; `--check` only tells whether it is up to date.
//
// What is said there stands in src/, as JSDoc: the compiler is asked what there is to import, what it
// consists of and what is said of it. Its API is called unstable, so package.json names one version.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { API, SignatureKind, SymbolFlags } from "typescript/unstable/sync";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const PAGE = fileURLToPath(new URL("../../../docs/sdk-reference.md", import.meta.url));
const NO_TRUNCATION = 1; // of a type that is written
const SOURCE = ["start", "stop"]; // what every source has is said once

/** What a page may import: the modules by how the package calls them. */
const ENTRANCES = { index: "scribewire", transcript: "scribewire/transcript" };

/** What stands below which heading; all that a page may import is somewhere here. */
const SECTIONS = {
  Transcribing: ["Transcription", "Options", "Wishes", "Told", "ConnectionState"],
  Results: ["Result", "PartialResult", "FinalResult", "Word"],
  Sources: ["Microphone", "TabAudio", "StreamSource", "FileSource", "listMicrophones", "Source", "Sink"],
  Transcripts: ["Transcript", "Cue"],
  "When something goes wrong": ["TranscriptionError", "FailureCode", "RetryPolicy", "isFinal", "CloseCode", "CLOSE_HINTS"],
};
const INTRODUCTION = `# Browser SDK: reference

Everything that \`scribewire\` exports. [The SDK's page](../sdk/browser/README.md) explains it from the beginning.
Written by \`scripts/sdk-reference\` from what stands in \`sdk/browser/src\`: do not edit.
`;

/** @import { Checker, Project, Symbol, Type } from "typescript/unstable/sync" */

/** What the entrances export, and the types that those are made of. */
class Exports {
  /** @type {Checker} */
  #checker;
  /** @type {Map<string, Symbol>} */
  #symbols = new Map();
  /** @type {Map<string, string>} */
  #sources = new Map();

  /** @param {Project} project */
  constructor(project) {
    this.#checker = project.checker;
    const files = project.program.getSourceFileNames().filter((name) => name.startsWith(`${PACKAGE}src/`));
    for (const name of files) {
      const file = project.program.getSourceFile(name);
      const module = file && this.#checker.getSymbolAtLocation(file);
      if (!module) continue;
      this.#sources.set(name, readFileSync(name, "utf8"));
      const entrance = Object.entries(ENTRANCES).find(([stem]) => name.endsWith(`/src/${stem}.js`))?.[1];
      for (const symbol of this.#checker.getExportsOfModule(module)) {
        if (entrance) this.entrances.set(symbol.name, entrance);
        if (!name.endsWith("/index.js")) this.#symbols.set(symbol.name, symbol); // it hands on what others make
      }
    }
  }

  /** By the name of what is imported from there. @type {Map<string, string>} */
  entrances = new Map();

  /** @param {string} name */
  describe(name) {
    const symbol = this.#symbols.get(name);
    if (!symbol) throw new Error(`${name}: no such export`);
    const entrance = this.entrances.get(name) ?? "";
    const lines = [`### ${name}`, this.#words(symbol)];
    if (entrance !== ENTRANCES.index && !(symbol.flags & SymbolFlags.TypeAlias)) lines.push(`From \`${entrance}\`.`);
    if (symbol.flags & SymbolFlags.Class) lines.push(...this.#class(symbol));
    else if (symbol.flags & SymbolFlags.TypeAlias) lines.push(...this.#alias(symbol));
    else lines.push(...this.#value(symbol));
    return lines.filter((line) => line !== "").join("\n\n");
  }

  /** @param {Symbol} symbol */
  #class(symbol) {
    const type = this.#checker.getDeclaredTypeOfSymbol(symbol);
    const [base] = symbol.getJsDocTags(this.#checker).filter(({ name }) => name === "implements");
    const own = this.#members(type).filter((member) => this.#isOurs(member) && !(base && SOURCE.includes(member.name)));
    const names = own.filter(({ flags }) => !(flags & SymbolFlags.Method));
    const methods = own.filter(({ flags }) => flags & SymbolFlags.Method);
    const isThrown = this.#checker.getBaseTypes(/** @type {any} */ (type)).length > 0; // not made by a page
    return [
      base?.text ? `A [\`${base.text}\`](#${base.text.toLowerCase()}).` : "",
      isThrown ? "" : code(`new ${symbol.name}(${this.#construction(symbol)})`),
      isThrown ? "" : this.#parameters(this.#commentBefore(symbol, /^ {2}constructor\(/m)),
      this.#table("property", names),
      ...methods.map((method) => this.#method(method)),
    ];
  }

  /** @param {Symbol} symbol */
  #construction(symbol) {
    const tags = paramTags(this.#commentBefore(symbol, /^ {2}constructor\(/m));
    return tags.map(({ name, type, isOptional }) => `${name}${isOptional ? "?" : ""}: ${type}`).join(", ");
  }

  /** @param {Symbol} method */
  #method(method) {
    const name = method.name.startsWith("__@asyncIterator") ? "[Symbol.asyncIterator]" : method.name;
    return [
      code(`${name}${this.#signature(method)}`),
      this.#words(method),
      this.#parameters(this.#declaredComment(method)),
    ].filter(Boolean).join("\n\n");
  }

  /** @param {Symbol} symbol */
  #alias(symbol) {
    const type = this.#checker.getDeclaredTypeOfSymbol(symbol);
    if (type.isUnionType() || !type.isObjectType()) return [code(this.#union(symbol, type))];
    return [this.#table("property", this.#members(type))];
  }

  /** The alternatives, each by itself: written as a whole they would be called by their name. @param {Symbol} symbol @param {Type} type */
  #union(symbol, type) {
    const parts = type.isUnionType() ? type.getTypes() : [type];
    return parts.map((part) => this.#typed(part)).join(" | ");
  }

  /** @param {Symbol} symbol */
  #value(symbol) {
    const type = this.#checker.getTypeOfSymbol(symbol);
    if (!type) return [];
    if (symbol.flags & SymbolFlags.Function) return [code(`${symbol.name}${this.#signature(symbol)}`)];
    const members = this.#members(type);
    return members.length === 0 ? [code(this.#typed(type))] : [this.#table("value", members)];
  }

  /** @param {Symbol} symbol */
  #signature(symbol) {
    const type = this.#checker.getTypeOfSymbol(symbol);
    const [signature] = type ? this.#checker.getSignaturesOfType(type, SignatureKind.Call) : [];
    const text = type && signature ? this.#typed(type) : "";
    const end = closing(text, text.indexOf("("), "()") + 1;
    return text.slice(0, end) + text.slice(end).replace(" => ", ": "); // of a method, not of a function
  }

  /** @param {Type} type */
  #members(type) {
    return this.#checker.getPropertiesOfType(type).filter(({ name }) => !name.includes("@#"));
  }

  /** @param {Symbol} symbol */
  #isOurs(symbol) {
    return symbol.declarations.some(({ path }) => path.startsWith(`${PACKAGE}src/`));
  }

  /** @param {string} what @param {Symbol[]} members */
  #table(what, members) {
    if (members.length === 0) return "";
    const rows = members.map((member) => {
      const isOptional = (member.flags & SymbolFlags.Optional) !== 0;
      const type = this.#checker.getTypeOfSymbol(member);
      const text = type ? this.#typed(type).replace(isOptional ? / \| undefined$/ : /^$/, "").replace(/^\((.*)\)$/, unwrapped) : "";
      const cells = [`\`${member.name}${isOptional ? "?" : ""}\``, `\`${text}\``, this.#words(member)];
      return `| ${cells.map(cell).join(" | ")} |`;
    });
    return [`| ${what} | type | |`, "|---|---|---|", ...rows].join("\n");
  }

  /** @param {string} comment */
  #parameters(comment) {
    const told = paramTags(comment).filter(({ words }) => words !== "");
    return told.map(({ name, words }) => `* \`${name}\`: ${words}`).join("\n");
  }

  /** @param {Type} type */
  #typed(type) {
    return this.#checker.typeToString(type, undefined, NO_TRUNCATION)
      .replace(/; }/g, " }")
      .replace(/(\?: [^,()]*?) \| undefined/g, "$1");
  }

  // What is said of something.

  /** @param {Symbol} symbol */
  #words(symbol) {
    const said = symbol.getDocumentationComment(this.#checker);
    if (said) return flowing(said);
    if (symbol.flags & SymbolFlags.TypeAlias) return flowing(this.#typedefWords(symbol));
    return flowing((this.#declaredComment(symbol).split(/(?:^|\s)@\w/)[0] ?? "").trim());
  }

  /** The compiler keeps what stands before a `@typedef` to itself. @param {Symbol} symbol */
  #typedefWords(symbol) {
    const comments = this.#sourceOf(symbol).match(/\/\*\*.*?\*\//gs) ?? [];
    const found = comments.find((comment) => {
      const [, tag = ""] = comment.split("@typedef");
      return new RegExp(`(^|[}\\s])${symbol.name}\\s*(\\n|\\*/|$)`).test(tag.split(/@property/)[0] ?? "");
    });
    return found ? (plain(found).split(/@typedef/)[0] ?? "").trim() : "";
  }

  /** @param {Symbol} symbol */
  #sourceOf(symbol) {
    return this.#sources.get(symbol.declarations[0]?.path ?? "") ?? "";
  }

  /** @param {Symbol} member */
  #declaredComment(member) {
    const text = this.#sourceOf(member);
    const node = member.declarations[0]?.resolve();
    return node ? lastComment(text.slice(0, node.getStart())) : "";
  }

  /** Of the first place in a class that looks so. @param {Symbol} symbol @param {RegExp} place */
  #commentBefore(symbol, place) {
    const text = this.#sourceOf(symbol);
    const [body = ""] = text.slice(text.indexOf(`class ${symbol.name} `)).split("\n}\n");
    return lastComment(body.slice(0, body.search(place)));
  }
}

// Text.

/** Without brackets around the whole of it. @param {string} text @param {string} inner */
const unwrapped = (text, inner) => (closing(text, 0, "()") === text.length - 1 ? inner : text);
/** @param {string} text */
const code = (text) => `\`\`\`ts\n${text}\n\`\`\``;
/** @param {string} text */
const cell = (text) => text.replaceAll("\n", " ").replaceAll("|", "\\|");
/** Lists stay lists; else a paragraph is one line. @param {string} text */
const flowing = (text) => text.split("\n\n").map((part) => part.replace(/\n(?!- )/g, " ").replace(/^- /gm, "* ")).join("\n\n");
/** @param {string} comment */
const plain = (comment) => comment.replace(/^\s*\/\*\*|\*\/\s*$/g, "").replace(/^[ \t]*\* ?/gm, "").trim();

/** @param {string} text */
function lastComment(text) {
  const found = text.trimEnd().endsWith("*/") ? text.slice(text.lastIndexOf("/**")) : "";
  return plain(found);
}

/** @param {string} comment */
function paramTags(comment) {
  const [, ...tags] = comment.split(/@(?=\w+ \{)/);
  return tags.flatMap((tag) => {
    if (!tag.startsWith("param {")) return [];
    const end = closing(tag, tag.indexOf("{"));
    const [, option, name = ""] = /^\s*(\[?)(\w+)\]?/.exec(tag.slice(end + 1)) ?? [];
    const words = tag.slice(end + 1).replace(/^\s*\[?\w+\]?\s*/, "").replace(/\s+/g, " ").trim();
    return [{ name, type: tag.slice(tag.indexOf("{") + 1, end), isOptional: option === "[", words }];
  });
}

/** Where the bracket ends that begins here. @param {string} text @param {number} start */
function closing(text, start, [open, close] = "{}") {
  let depth = 0;
  for (let index = start; index < text.length; index++) {
    if (text[index] === open) depth++;
    if (text[index] === close && --depth === 0) return index;
  }
  return text.length;
}

function writePage() {
  const api = new API({ cwd: PACKAGE });
  try {
    const project = api.updateSnapshot({ openProjects: [`${PACKAGE}tsconfig.types.json`] }).getProjects()[0];
    if (!project) throw new Error("tsconfig.types.json: no project");
    const exported = new Exports(project);
    const forgotten = [...exported.entrances.keys()].filter((name) => !Object.values(SECTIONS).flat().includes(name));
    if (forgotten.length > 0) throw new Error(`in no section of the reference: ${forgotten.join(", ")}`);
    const sections = Object.entries(SECTIONS).map(
      ([heading, names]) => [`## ${heading}`, ...names.map((name) => exported.describe(name))].join("\n\n"),
    );
    return `${[INTRODUCTION.trimEnd(), ...sections].join("\n\n")}\n`;
  } finally {
    api.close();
  }
}

const page = writePage();
if (!process.argv.includes("--check")) writeFileSync(PAGE, page);
else if (readFileSync(PAGE, "utf8") !== page) {
  console.error("docs/sdk-reference.md is not what the types say: run scripts/sdk-reference");
  process.exit(1);
}
