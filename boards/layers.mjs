// Which layer a function belongs to: asc names a function by its file, and wasm2c keeps the name, mangled.

const FOLDERS = {
  applications: ["apps", "files"],
  tls: ["tls"],
  crypto: ["crypto"],
  network: ["socket", "net", "link", "buffer"],
  chip: ["chip"],
};

/** The layers of the firmware, uppermost first. */
export const LAYERS = Object.keys(FOLDERS);

/**
 * @param {string} name as in the module's name section: firmware/tls/record/parse
 * @returns the layer; "language" for what AssemblyScript supplies, "card" for the entry file
 */
export function layerOf(name) {
  if (name.startsWith("~lib/")) return "language";
  const [, folder] = /^firmware\/(\w+)\//.exec(name) ?? [];
  return LAYERS.find((layer) => FOLDERS[layer].includes(folder)) ?? "card";
}

/** @param symbol of the image @returns the layer of the function it was translated from, "board" for one of boards/ */
export function layerOfSymbol(symbol) {
  const [, mangled] = /^w2c_card_([^.]+)/.exec(symbol) ?? [];
  if (mangled === undefined) return "board";
  return layerOf(mangled.replace(/0x([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))));
}
