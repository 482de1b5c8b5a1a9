// card.wasm → C: wasm2c's output on our own ground (wasm-rt.h), the constants as one array, and the module's digest.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../scripts/firmware.mjs";
import { layerOfSymbol } from "./layers.mjs";
import { constants } from "./wasm.mjs";

/** Stands in the image before the digest, in plain text. */
export const DIGEST_MARK = "netcard wasm sha256 ";

/**
 * Translate a module into `folder`/card.c and card.h.
 * @throws Error when wasm2c's output is not as known: its package is pinned, and this file with it
 */
export function translate({ wasm, folder, romBase }) {
  mkdirSync(folder, { recursive: true });
  const source = join(folder, "card.c");
  const header = join(folder, "card.h");
  const wasm2c = join(ROOT, "node_modules/wabt/bin/wasm2c");
  const { status, stderr } = spawnSync(process.execPath, [wasm2c, wasm, "-n", "card", "-o", source], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`wasm2c: ${stderr}`);

  const module = readFileSync(wasm);
  const digest = createHash("sha256").update(module).digest("hex");
  const rom = constants(module, romBase).join(",");
  writeFileSync(header, editHeader(readFileSync(header, "utf8")));
  writeFileSync(
    source,
    `#include "card.h"
__attribute__((section(".digest"), used)) static const char digest[] = "${DIGEST_MARK}${digest}";
__attribute__((section(".rom"), used)) static const u8 constants[] = {${rom}};
${keepLayersApart(editSource(readFileSync(source, "utf8")))}`,
  );
}

/**
 * There is one set of pins, one memory and no table, so that nothing needs a reference to them.
 * @param {string} text
 * @returns {string}
 */
export function editHeader(text) {
  return edit(text, [
    [/^ {2}struct w2c_pins\* w2c_pins_instance;\n/m, ""],
    [
      /^void wasm2c_card_instantiate[^]*?\n\n/m,
      "/* sets the globals, runs the module's start function */\nvoid card_init(w2c_card*);\n\n",
    ],
  ]);
}

/**
 * @param {string} text
 * @returns {string}
 */
export function editSource(text) {
  return edit(text, [
    [
      /\(&instance->w2c_M0, \(u64\)\((\w+)\)(?: \+ (\d+)u?)?/g,
      (_, base, offset = 0) => `(${base}, ${offset}u`,
    ],
    [/\(&instance->w2c_M0, (?:&instance->w2c_M0, )?/g, "("], // memory.fill, memory.copy
    [/^[^]*?(?=^static \w+ w2c_card_\S+\(w2c_card\*)/m, ""], // the preamble, up to the first function's declaration
    [/instance->w2c_pins_instance(?! =)/g, "0"],
    [/^FUNC_TYPE_T\(.*\n/gm, ""],
    [/^static const u8 data_segment[^]*?(?=^\/\* export)/m, ""],
    [/^static void init_instance_import[^]*?^}\n/m, ""],
    // What is left of this one sets the globals and calls the module's start function, as far as there are any.
    [/^void wasm2c_card_instantiate\(.*\)/m, "void card_init(w2c_card* instance)"],
    [/^ {2}(assert|init_instance_import|init_memories|init_data_instances)\(.*\n/gm, ""],
    [/^void wasm2c_card_free[^]*^wasm_rt_func_type_t[^]*?^}\n/m, ""],
  ]);
}

function edit(text, edits) {
  return edits.reduce((before, [pattern, replacement]) => {
    const after = before.replace(pattern, replacement);
    if (after === before)
      throw new Error(`wasm2c's output has no ${pattern}: is its package the pinned one?`);
    return after;
  }, text);
}

/** What only other layers call is kept a function of its own, so that code and stack have owners. */
function keepLayersApart(text) {
  const callers = new Map();
  for (const [, caller, body] of text.matchAll(/^\w+ (w2c_card_\S+)\(.*{\n([^]*?)^}/gm))
    for (const [, callee] of body.matchAll(/\b(w2c_card_\w+)\(instance/g))
      callers.set(callee, (callers.get(callee) ?? new Set()).add(layerOfSymbol(caller)));
  return text.replace(/^static (\w+ (w2c_card_\S+)\(w2c_card\*.*\);)$/gm, (declaration, rest, name) => {
    const layer = layerOfSymbol(name);
    const isEntry = layer !== "language" && callers.has(name) && !callers.get(name).has(layer);
    return isEntry ? `__attribute__((noinline)) static ${rest}` : declaration;
  });
}
