// Does anything secret decide which way the translated firmware goes, or which address it touches? A module is driven in
// Node and all that it is asked is noted down; then its translation to C does the same under valgrind, where secrets are
// marked as undefined: memcheck follows each bit of them and reports every branch and address that depends on one.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { FLAGS } from "../../boards/build.mjs";
import { translate } from "../../boards/translate.mjs";
import { ROOT, compile, readProfile } from "../../scripts/firmware.mjs";
import type { BuildOptions } from "./firmware.ts";
import { exposeMemory } from "./wasm-sections.ts";

const HARNESS = join(ROOT, "test/interop/peers/taint");
const { ROM_BASE } = readProfile("card-6k") as { ROM_BASE: number };

/** Events of a script, as replay.c numbers them. */
const [BEGIN, POKE, CALL, RETURN, IMPORT, SUPPLY, PEEK, END] = [0, 1, 2, 3, 4, 5, 6, 7];
const [PAGE, NVM] = [0, 1];
/** Pins that replay.c answers itself. */
const UNSCRIPTED = ["nvmRead", "nvmWrite", "trace"];

export interface Range {
  from: number;
  /** The first address behind. */
  to: number;
}

/** What came of a case. */
export interface Finding {
  /** Branches and addresses that depended on a secret, divisions of one, results that were secret. */
  leaks: number;
  /** How often something secret was made public on purpose. */
  declassified: number;
  /** Bytes of output that were secret until they left: the computation did depend on what it was given. */
  secretOutput: number;
  /** Where something secret was left, but where the case put it. */
  ram: Range[];
  nvm: Range[];
  /** valgrind's words; of a leak that an earlier case has had as well, only there. */
  log: string;
}

/** A module's firmware, compiled for the test, in both its forms. */
export interface Subject {
  module: WebAssembly.Module;
  program: string;
  imports: string[];
  exports: string[];
}

export interface Case {
  name: string;
  script: Buffer;
  /** Where the case put secrets. */
  secrets: Range[];
}

/** Compiles `entry` with visible declassifications to a module, and its translation to a program of this machine. */
export async function subject(entry: string, options: BuildOptions = {}): Promise<Subject> {
  const name = `taint-${basename(entry, ".ts")}${options.profile ? `-${options.profile}` : ""}`;
  const replace = {
    ...options.replace,
    "firmware/crypto/declassify.ts": "test/firmware/doubles/declassify.ts",
  };
  const out = `build/test/${name}.wasm`;
  const wasm = await compile({ ...options, entry, out, replace });
  const folder = join(ROOT, "build/test", name);
  translate({ wasm, folder, romBase: ROM_BASE });
  const header = readFileSync(join(folder, "card.h"), "utf8");
  const { source, imports, exports } = dispatch(header);
  writeFileSync(join(folder, "dispatch.c"), source);
  const program = join(folder, "replay");
  const flags = FLAGS.filter((flag) => /^-(O|f(?!callgraph|fixed)|std)/.test(flag));
  const sources = [join(folder, "card.c"), join(folder, "dispatch.c"), join(HARNESS, "replay.c")];
  run("gcc", [...flags, "-g", "-w", `-I${HARNESS}`, `-I${folder}`, ...sources, "-o", program]);
  return {
    module: new WebAssembly.Module(Uint8Array.from(exposeMemory(readFileSync(wasm)))),
    program,
    imports,
    exports,
  };
}

/** From the header that wasm2c makes: how exports are called by number, and imports answered by the script. */
function dispatch(header: string): { source: string; imports: string[]; exports: string[] } {
  const imports: string[] = [];
  const exports: string[] = [];
  let calls = "";
  let answers = "";
  for (const [, result, kind, name, list] of header.matchAll(
    /^(u32|void) w2c_(\w+?)_(\w+)\((?:struct )?w2c_\w+\*([^)]*)\);/gm,
  )) {
    const count = list!.split("u32").length - 1;
    const prefix = result === "u32" ? "return " : "";
    if (kind === "card") {
      const values = Array.from({ length: count }, (_, i) => `, a[${i}]`).join("");
      calls += `    case ${exports.length}: *script += ${count}; ${prefix}w2c_card_${name}(card${values}); return 0;\n`;
      exports.push(name!);
    } else if (!UNSCRIPTED.includes(name!)) {
      const parameters = Array.from({ length: count }, (_, i) => `, u32 a${i}`).join("");
      const values = Array.from({ length: count }, (_, i) => `a${i}`).join(", ");
      answers += `${result} w2c_${kind}_${name}(struct w2c_${kind}* x${parameters}) {
  u32 a[] = {${values}};
  ${prefix}imported(${imports.length}, a, ${count});
}
`;
      imports.push(`${kind}.${name}`);
    }
  }
  const source = `#include "card.h"
#include "replay.h"
${answers}
u32 call_export(w2c_card* card, u32 which, const u32** script) {
  const u32* a = *script;
  switch (which) {
${calls}  }
  trap("no such export");
}
`;
  return { source, imports, exports };
}

/** Runs cases under valgrind. @returns a finding each, in their order */
export function watch({ program }: Subject, cases: Case[]): Finding[] {
  const { stdout, stderr } = run("valgrind", ["--expensive-definedness-checks=yes", program], {
    input: Buffer.concat(cases.map(({ script }) => script)),
  });
  const logs = stderr
    .replaceAll(/^==\d+== ?/gm, "")
    .split(/^\*\*\d+\*\* case .*$/m)
    .slice(1);
  const lines = stdout.split("\n").slice(0, -1);
  return lines.map((line, i) => {
    const [leaks, declassified, secretOutput, ...ranges] = line.split(" ");
    const { secrets } = cases[i]!;
    const left = (space: string): Range[] =>
      ranges
        .map((range) => range.split("-"))
        .filter(([where]) => where === space)
        .map(([, from, to]) => ({ from: Number(from), to: Number(to) }));
    return {
      leaks: Number(leaks),
      declassified: Number(declassified),
      secretOutput: Number(secretOutput),
      ram: left("ram").filter((range) => !secrets.some((given) => isWithin(range, given))),
      nvm: left("nvm"),
      log: logs[i] ?? "",
    };
  });
}

export function isWithin(range: Range, outer: Range): boolean {
  return outer.from <= range.from && range.to <= outer.to;
}

function run(program: string, argv: string[], options: { input?: Buffer } = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, argv, {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 1 << 26,
    ...options,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program}: ${status}\n${stdout}\n${stderr}`);
  return { stdout, stderr };
}

type Imports = Record<string, Record<string, (...args: number[]) => number | undefined>>;

/**
 * A module at work in Node, whose script is being written. The test may write to its memory at any time between calls:
 * what it writes is public, unless it goes through secret().
 */
export class Recording {
  readonly exports: Record<string, (...args: number[]) => number> = {};
  readonly memory: Uint8Array;
  readonly instance: WebAssembly.Instance;
  #words: Buffer[] = [];
  #secrets: Range[] = [];
  /** The memory as the replay has it. */
  #known = new Uint8Array(ROM_BASE * 4);

  /**
   * @param nvm the NVM that the pins in `imports` work on, as it is now @param secrets of it
   * @param sends imports that take bytes off the card, and where they lie, given its arguments
   */
  constructor(
    private readonly subject: Subject,
    readonly name: string,
    imports: Imports = {},
    nvm: Uint8Array = new Uint8Array(0),
    secrets: Range[] = [],
    private readonly sends: Record<string, (args: number[]) => [address: number, length: number]> = {},
  ) {
    this.#write(BEGIN, Buffer.byteLength(name));
    this.#writeBytes(Buffer.from(name));
    this.#poke(NVM, 0, nvm, false);
    for (const { from, to } of secrets) this.#poke(NVM, from, nvm.subarray(from, to), true);
    this.instance = new WebAssembly.Instance(subject.module, this.#wrapImports(imports));
    const { memory, ...functions } = this.instance.exports;
    this.memory = new Uint8Array((memory as WebAssembly.Memory).buffer);
    for (const [name, value] of Object.entries(functions))
      this.exports[name] = this.#wrapExport(name, value as (...args: number[]) => number | undefined);
  }

  /** What is asked of this is written down. */
  get recorded(): { exports: WebAssembly.Exports } {
    return { exports: { ...this.exports, memory: this.instance.exports["memory"]! } };
  }

  /** Puts a secret into memory. */
  secret(address: number, bytes: Uint8Array): void {
    this.#sync();
    this.memory.set(bytes, address);
    this.#poke(PAGE, address, bytes, true);
    this.#know();
    this.#secrets.push({ from: address, to: address + bytes.length });
  }

  /** What stands in memory now leaves the card. */
  output(address: number, length: number): Buffer {
    const bytes = Buffer.from(this.memory.subarray(address, address + length));
    this.#write(PEEK, address, length);
    this.#writeBytes(bytes);
    return bytes;
  }

  end(): Case {
    this.#write(END);
    return { name: this.name, script: Buffer.concat(this.#words), secrets: this.#secrets };
  }

  #wrapExport(name: string, call: (...args: number[]) => number | undefined) {
    return (...given: number[]): number => {
      const args = given.slice(0, call.length);
      this.#sync();
      this.#write(CALL, this.subject.exports.indexOf(name), ...args);
      const result = call(...args);
      this.#know();
      this.#write(RETURN, result ?? 0);
      return result ?? 0;
    };
  }

  #wrapImports(imports: Imports): WebAssembly.Imports {
    const wrapped: Record<string, WebAssembly.ModuleImports> = {};
    for (const { module, name } of WebAssembly.Module.imports(this.subject.module)) {
      const answer = imports[module]?.[name] ?? (() => 0);
      const which = this.subject.imports.indexOf(`${module}.${name}`);
      (wrapped[module] ??= {})[name] = which < 0 ? answer : this.#wrapImport(which, name, answer);
    }
    return wrapped;
  }

  #wrapImport(which: number, name: string, answer: (...args: number[]) => number | undefined) {
    return (...args: number[]): number => {
      this.#know();
      this.#write(IMPORT, which, ...args);
      const sent = this.sends[this.subject.imports[which]!]?.(args);
      if (sent) this.output(...sent);
      const value = answer(...args) ?? 0;
      this.#sync();
      this.#write(SUPPLY, value, Number(name === "random32"));
      return value;
    };
  }

  /** The module has run: what it has written is no news. */
  #know(): void {
    this.#known.set(this.memory);
  }

  /** Writes down what the test has changed in memory. */
  #sync(): void {
    const { memory } = this;
    if (Buffer.compare(memory, this.#known) === 0) return;
    for (let at = 0; at < memory.length; at++) {
      if (memory[at] === this.#known[at]) continue;
      const from = at;
      while (at < memory.length && memory[at] !== this.#known[at]) at++;
      this.#poke(PAGE, from, memory.subarray(from, at), false);
    }
    this.#know();
  }

  #poke(space: number, address: number, bytes: Uint8Array, isSecret: boolean): void {
    this.#write(POKE, space, address, bytes.length, Number(isSecret));
    this.#writeBytes(bytes);
  }

  #write(...words: (number | undefined)[]): void {
    const bytes = Buffer.alloc(4 * words.length);
    words.forEach((word, i) => bytes.writeUInt32LE(word! >>> 0, 4 * i));
    this.#words.push(bytes);
  }

  #writeBytes(bytes: Uint8Array): void {
    this.#words.push(Buffer.from(bytes), Buffer.alloc(-bytes.length & 3));
  }
}
