// Builds the image of a board: translate, compile, bound the stack, link. As a program: prints the path of the image.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { CARDS } from "../host/cards.mjs";
import { ROOT, compile, mtime, newest, readProfile } from "../scripts/firmware.mjs";
import { deepest, readCallGraph } from "./stack.mjs";
import { translate } from "./translate.mjs";

const BOARDS = join(ROOT, "boards");
/** What an interrupt pushes: eight registers, and a word to align the stack (ARMv7-M, B1.5.6). */
const EXCEPTION_FRAME_BYTES = 36;
/** Interrupts have the same priority, so that one at most is on the stack. */
const INTERRUPTS = ["on_uart", "on_systick"];
export const FLAGS = [
  ...["-Os", "-std=gnu11", "-mthumb", "-ffunction-sections", "-fdata-sections", "-fcallgraph-info=su"],
  "-fno-tree-loop-distribute-patterns", // or memset would be made of calls to memset
  // What is kept across a loop or a branch is kept on the stack: a sixth less of it for 2 % more instructions.
  ...["-fno-tree-loop-im", "-fno-move-loop-invariants", "-fno-schedule-insns2"],
  "-ffixed-r9", // the arena's start
  "-fno-partial-inlining", // the call graph would lack the parts
  ...["-Wall", "-Wextra", "-Werror", "-Wno-unused", "-Wno-unused-parameter"],
];

/** A program that has to be installed; the message says from which Debian package. */
export class MissingTool extends Error {}

export function boardNames() {
  return readdirSync(BOARDS, { withFileTypes: true }).flatMap((item) =>
    item.isDirectory() ? [item.name] : [],
  );
}

/**
 * Build an image, unless it is there already.
 *
 * @param {object} options
 * @param {string} options.wasm      path of the module
 * @param {string} options.board     name of a folder in boards/
 * @param {string} [options.profile] the profile that the module was compiled with
 * @param {Record<string, number>} [options.use] constants that replace the profile's
 * @param {number} [options.ramBytes] what the image may use of the board's RAM; default: the budget
 * @returns {string} path of image.json, which describes image.elf beside it
 * @throws MissingTool, or Error with the compiler's or linker's messages
 */
export function buildImage({ wasm, board, profile = "card-6k", use = {}, ramBytes = ramBudget() }) {
  const settings = JSON.parse(readFileSync(join(BOARDS, board, "board.json"), "utf8"));
  const constants = { ...readProfile(profile), ...use };
  const folder = join(ROOT, "build/board", board, basename(wasm, ".wasm"));
  const description = join(folder, "image.json");
  const sources = Math.max(mtime(wasm), newest(BOARDS), newest(join(ROOT, "firmware/profiles")));
  const request = JSON.stringify({ ...settings, ...constants, ramBytes });
  if (mtime(description) > sources && JSON.parse(readFileSync(description, "utf8")).request === request)
    return description;

  requireTools();
  rmSync(description, { force: true }); // it comes back with the image
  translate({ wasm, folder, romBase: constants.ROM_BASE });
  const units = compileUnits(folder, board, settings, constants);
  const graph = readCallGraph(units.map((unit) => readFileSync(`${unit}.ci`, "utf8")));
  const stack = bound(graph);
  const elf = link(folder, units, { settings, constants, ramBytes, stackBound: stack.bytes });
  writeFileSync(
    description,
    JSON.stringify(
      { board: settings, stack, ramBytes, ...inspect(elf), sha256: sha256(wasm), request },
      null,
      1,
    ),
  );
  return description;
}

/** @returns {Map} the call graph of an image, for deepest() */
export function callGraph(description) {
  const folder = join(description, "..");
  const files = readdirSync(folder).filter((name) => name.endsWith(".ci"));
  return readCallGraph(files.map((name) => readFileSync(join(folder, name), "utf8")));
}

/** The loop's deepest chain, and the deepest interrupt on top of it. */
export function bound(graph, counts) {
  const loop = deepest(graph, "reset", counts);
  const titles = [...graph].flatMap(([title, { name }]) => (INTERRUPTS.includes(name) ? [title] : []));
  const interrupts = titles.map((title) => deepest(graph, title, counts));
  const [worst] = interrupts.sort((a, b) => b.bytes - a.bytes);
  if (counts) return { bytes: loop.bytes + worst.bytes, path: [...loop.path, ...worst.path] };
  const bytes = loop.bytes + EXCEPTION_FRAME_BYTES + worst.bytes;
  return { bytes, path: [...loop.path, `interrupt ${EXCEPTION_FRAME_BYTES}`, ...worst.path] };
}

export function ramBudget() {
  return JSON.parse(readFileSync(join(ROOT, "budgets.json"), "utf8")).ramBytes;
}

export function requireTools() {
  if (spawnSync("arm-none-eabi-gcc", ["--version"]).error)
    throw new MissingTool("arm-none-eabi-gcc is missing: install the Debian package gcc-arm-none-eabi");
}

function compileUnits(folder, board, settings, constants) {
  const values = {
    ROM_BASE: constants.ROM_BASE,
    ARENA_BYTES: constants.ARENA_BYTES,
    NVM_BYTES: constants.NVM_BYTES,
    CLOCK_HZ: settings.clockHz,
    UART_IRQ: settings.uartIrq,
  };
  const defines = Object.entries(values).map(([name, value]) => `-D${name}=${value}u`);
  const includes = [`-I${relative(ROOT, BOARDS)}`, `-I${relative(ROOT, folder)}`];
  const sources = [
    join(folder, "card.c"),
    ...["start.c", "memory.c", "semihost.c", `${board}/board.c`].map((name) => join(BOARDS, name)),
  ];
  return sources.map((source) => {
    const unit = join(folder, basename(source, ".c"));
    const input = ["-c", relative(ROOT, source), "-o", `${relative(ROOT, unit)}.o`];
    run("arm-none-eabi-gcc", [`-mcpu=${settings.cpu}`, ...FLAGS, ...defines, ...includes, ...input]);
    return unit;
  });
}

function link(folder, units, { settings, constants, ramBytes, stackBound }) {
  const values = {
    RAM_BYTES: Math.min(ramBytes, settings.sramBytes),
    ARENA_BYTES: constants.ARENA_BYTES,
    ROM_BASE: constants.ROM_BASE,
    STACK_BOUND: stackBound + 4, // the lowest word is the guard
    FLASH_BYTES: settings.flashBytes,
  };
  const symbols = Object.entries(values).map(([name, value]) => `-Wl,--defsym=${name}=${value}`);
  const elf = join(folder, "image.elf");
  const argv = [
    ...[
      `-mcpu=${settings.cpu}`,
      "-mthumb",
      "-nostdlib",
      "-Wl,--gc-sections",
      "-Wl,--no-warn-rwx-segments",
      ...symbols,
    ],
    ...["-T", join(BOARDS, "link.ld"), ...units.map((unit) => `${unit}.o`), "-o", elf],
  ];
  try {
    run("arm-none-eabi-gcc", argv);
  } catch (error) {
    if (!/region `FLASH'|overlaps section/.test(error.message)) throw error;
    throw new Error(
      `The card needs more flash than the board's ${settings.flashBytes} bytes: choose another.`,
      {
        cause: error,
      },
    );
  }
  return elf;
}

/** @returns the image's section sizes, its symbols' addresses, and the size of each function, bytes */
function inspect(elf) {
  const sections = {};
  for (const [, name, bytes] of run("arm-none-eabi-size", ["-A", elf]).matchAll(/^\.(\w+) +(\d+)/gm))
    sections[name] = Number(bytes);
  const symbols = {};
  const functions = {};
  for (const line of run("arm-none-eabi-nm", ["-S", elf]).split("\n")) {
    const [, address, bytes, kind, name] = /^(\w{8}) (?:(\w{8}) )?(\w) (\S+)$/.exec(line) ?? [];
    if (/[tT]/.test(kind ?? "") && bytes) functions[name] = parseInt(bytes, 16);
    else if (name) symbols[name] = parseInt(address, 16);
  }
  return { sections, symbols, functions };
}

function sha256(path) {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

function run(program, argv) {
  const { status, stdout, stderr } = spawnSync(program, argv, {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
  return stdout;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values } = parseArgs({
    options: {
      card: { type: "string", default: "iso7816" },
      board: { type: "string" },
    },
  });
  try {
    requireTools();
    if (!Object.hasOwn(CARDS, values.card)) throw new Error(`--card is ${Object.keys(CARDS).join(" or ")}.`);
    const card = CARDS[values.card];
    console.log(
      buildImage({ wasm: await compile(card), profile: card.profile, board: values.board ?? card.board }),
    );
  } catch (error) {
    console.error(`netcard: ${error.message}`);
    process.exit(1);
  }
}
