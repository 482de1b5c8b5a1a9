// npm run size: where the bytes of the default card are, or of another (--card rsa, client, legacy). --json, --check
// (against budgets.json), --docs (docs/memory.md), --static (does not run the card).
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { MissingTool, bound, buildImage, callGraph, requireTools } from "../boards/build.mjs";
import { LAYERS, layerOf, layerOfSymbol } from "../boards/layers.mjs";
import { functions } from "../boards/wasm.mjs";
import { CARDS } from "../host/cards.mjs";
import { ROOT, compile, readProfile } from "./firmware.mjs";

/** Those that are measured: a serial card is less than the default card. */
const KINDS = Object.keys(CARDS).filter((kind) => kind !== "serial");
/** The owner of each region of the RAM map, by the beginning of its name. */
const REGION_OWNERS = {
  chip: ["CHIP"],
  crypto: ["DRBG", "CRYPTO"],
  network: [
    "PBUF",
    "HEADER",
    "T0",
    "PEER_IO",
    "APDU",
    "AHDLC",
    "PPP",
    "AUTH",
    "VJ",
    "IP",
    "TCP",
    "UDP",
    "DNS",
    "DHCP",
    "TCB",
    "SOCKET",
    "GATEWAY",
  ],
  tls: ["TLS"],
  applications: ["FILES", "WEB", "FETCHER"],
};
/** Sizes of the RAM map that are no regions. */
const NO_REGIONS = ["PBUF_STRUCT", "TCB", "SOCKET", "TLS_CONTEXT"];

/** @returns {Promise<object>} all figures, bytes; null for what could not be measured, undefined for what was not to be */
async function measure(card, isStatic = false) {
  const { profile, board } = CARDS[card];
  const wasm = await compile(CARDS[card]);
  const regions = await readRegions(profile);
  const { ARENA_BYTES } = readProfile(profile);
  const arena = sum(regions, ({ owner }) => owner);
  arena.free = ARENA_BYTES - Object.values(arena).reduce((a, b) => a + b, 0);
  const layers = sum(
    functions(readFileSync(wasm)).map(({ name, bytes }) => ({ owner: layerOf(name), bytes })),
    ({ owner }) => owner,
  );
  const image = measureImage({ wasm, board, profile }, arena);
  const run = isStatic ? undefined : image && (await measureRun(image.description, card));
  return { profile, board, regions, arena, wasmCode: layers, image, run };
}

/** The RAM map, compiled alone: every X and X_BYTES that it exports is a region. */
async function readRegions(profile) {
  const out = await compile({
    entry: "firmware/chip/ram-map.ts",
    out: `build/ram-map-${profile}.wasm`,
    profile,
  });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(out)));
  return Object.keys(exports).flatMap((key) => {
    const name = key.replace(/_BYTES$/, "");
    if (name === key || NO_REGIONS.includes(name) || exports[key].value === 0) return [];
    return [{ name, address: exports[name].value, bytes: exports[key].value, owner: ownerOf(name) }];
  });
}

function ownerOf(region) {
  const owner = Object.keys(REGION_OWNERS).find((layer) =>
    REGION_OWNERS[layer].some((name) => region.startsWith(name)),
  );
  if (!owner) throw new Error(`scripts/size.mjs: whose is the region ${region}?`);
  return owner;
}

/** What is only known once the module has been translated and linked. */
function measureImage(what, arena) {
  try {
    requireTools();
  } catch (error) {
    if (error instanceof MissingTool) return null;
    throw error;
  }
  const description = buildImage(what);
  const { sections, stack, functions: code } = JSON.parse(readFileSync(description, "utf8"));
  const graph = callGraph(description);
  const stackOf = (...layers) => bound(graph, (name) => layers.includes(layerOfSymbol(name))).bytes;
  const flashCode = sum(
    Object.entries(code).map(([symbol, bytes]) => ({ owner: layerOfSymbol(symbol), bytes })),
    ({ owner }) => owner,
  );
  const globals = sections.bss + sections.noinit;
  return {
    description,
    flash: { code: sections.vectors + sections.crypto + sections.text, constants: sections.constants },
    flashCode,
    runtime: globals,
    stack: stack.bytes,
    deepest: stack.path,
    layerStack: Object.fromEntries([...LAYERS, "card", "board"].map((layer) => [layer, stackOf(layer)])),
    tlsAndCryptoStack: stackOf("tls", "crypto"),
    ram: readProfile(what.profile).ARENA_BYTES + globals + stack.bytes,
    tlsAndCrypto: arena.tls + arena.crypto + stackOf("tls", "crypto"),
  };
}

/** What only shows when the card runs: a handshake and a page, on the board in QEMU. */
async function measureRun(description, card) {
  if (spawnSync("qemu-system-arm", ["--version"]).error) return null;
  const { measure: measureCard } = await import("../dist/host/board/measure.js");
  const folder = mkdtempSync(join(tmpdir(), "netcard-size-"));
  try {
    return await measureCard(description, folder, card);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function sum(items, key) {
  const totals = {};
  for (const item of items) totals[key(item)] = (totals[key(item)] ?? 0) + item.bytes;
  return totals;
}

/** @returns {string[]} one line for each budget that is exceeded */
function overruns({ image, run }, card) {
  const all = JSON.parse(readFileSync(join(ROOT, "budgets.json"), "utf8"));
  const budgets = { ...all, ...all[card] };
  const figures = {
    ramBytes: ["RAM in all, C stack included", image.ram],
    tlsAndCryptoBytes: ["TLS and crypto, static and stack", image.tlsAndCrypto],
    tlsStackBytes: ["stack of the TLS code", image.layerStack.tls],
    flashBytes: ["flash", image.flash.code + image.flash.constants],
    handshakeInstructions: ["instructions of a full handshake", run?.handshake.instructions ?? 0],
  };
  return Object.entries(figures).flatMap(([name, [what, used]]) =>
    used > budgets[name] ? [`${what}: ${used}, the budget is ${budgets[name]}`] : [],
  );
}

/** The table, in Markdown, which reads well in a terminal too. */
function table(figures) {
  const { arena, wasmCode, image, regions, run } = figures;
  const unknown = "not measured (Debian package gcc-arm-none-eabi)";
  const layers = [...LAYERS, "language", "card", "board"];
  const rows = layers.map((layer) => [
    layer,
    arena[layer] ?? 0,
    image?.layerStack[layer] ?? (image ? 0 : unknown),
    wasmCode[layer] ?? 0,
    image?.flashCode[layer] ?? (image ? 0 : unknown),
  ]);
  const total = (column) =>
    rows.every((row) => Number.isInteger(row[column])) ? sumOf(rows, column) : unknown;
  return [
    `Profile ${figures.profile}, board ${figures.board}; bytes.`,
    "",
    ...markdown(
      ["layer", "RAM, static", "C stack, bound", "wasm code", "Cortex-M3 code"],
      [...rows, ["in all", total(1), image?.stack ?? unknown, total(3), total(4)]],
    ),
    "",
    ...markdown(
      ["RAM", "bytes"],
      [
        ...regions.map(({ name, bytes, owner }) => [`${name} (${owner})`, bytes]),
        ["arena, free", arena.free],
        ["runtime: receive ring, clock, wasm globals", image?.runtime ?? unknown],
        ["C stack: static bound of the call graph", image?.stack ?? unknown],
        ["**in all**", image?.ram ?? unknown],
        ["of it TLS and crypto, static and stack", image?.tlsAndCrypto ?? unknown],
      ],
    ),
    "",
    ...markdown(
      ["flash", "bytes"],
      [
        ["code and vectors", image?.flash.code ?? unknown],
        ["constants", image?.flash.constants ?? unknown],
        ["**in all**", image ? image.flash.code + image.flash.constants : unknown],
      ],
    ),
    ...(run === undefined ? [] : ["", ...stages(figures.profile, run)]),
  ].join("\n");
}

function stages(profile, run) {
  const unknown = "not measured (Debian package qemu-system-arm)";
  return markdown(
    ["on the board", "instructions", "C stack, painted peak since power-on"],
    [
      ["boot to PPP up", run?.boot],
      ...handshakes(profile, run),
      [`one page, ${run?.pageBytes ?? ""} bytes`, run?.page],
    ].map(([what, stage]) => [what, stage?.instructions ?? unknown, stage?.stackPeak ?? unknown]),
  );
}

function handshakes(profile, run) {
  if (profile === CARDS.legacy.profile)
    return [
      ["full TLS 1.0 handshake, RSA-2048", run?.handshake],
      ["resumed TLS 1.0 handshake", run?.resumed],
    ];
  return [
    ["full TLS 1.3 handshake", run?.handshake],
    ["resumed TLS 1.3 handshake, with X25519", run?.resumed],
    ["full TLS 1.2 handshake", run?.handshake12],
    ["resumed TLS 1.2 handshake", run?.resumed12],
  ];
}

function sumOf(rows, column) {
  return rows.reduce((sum, row) => sum + row[column], 0);
}

function markdown(head, rows) {
  const all = [head, head.map(() => ""), ...rows.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all.map((row, line) => {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]),
    );
    if (line === 1)
      return `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
    return `| ${cells.join(" | ")} |`;
  });
}

const DEFAULT = "iso7816";
const END = "<!-- end -->";

function writeDocs(card, text) {
  const path = join(ROOT, "docs/memory.md");
  const mark = `<!-- npm run size -- --docs${card === DEFAULT ? "" : ` --card ${card}`} -->`;
  const [before, rest] = readFileSync(path, "utf8").split(`${mark}\n`);
  const after = rest.slice(rest.indexOf(END));
  writeFileSync(path, `${before}${mark}\n${text}\n${after}`);
}

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean" },
    check: { type: "boolean" },
    docs: { type: "boolean" },
    static: { type: "boolean" },
    card: { type: "string", default: DEFAULT },
  },
});
try {
  if (!KINDS.includes(flags.card)) throw new Error(`--card is ${KINDS.join(" or ")}.`);
  const figures = await measure(flags.card, flags.static);
  console.log(flags.json ? JSON.stringify(figures, null, 2) : table(figures));
  if (flags.docs) writeDocs(flags.card, table(figures));
  if (flags.check) {
    if (!figures.image) requireTools();
    for (const line of overruns(figures, flags.card)) {
      console.error(`netcard: over budget: ${line}`);
      process.exitCode = 1;
    }
  }
} catch (error) {
  console.error(`netcard: ${error.message}`);
  process.exitCode = 1;
}
