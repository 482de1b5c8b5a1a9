// Compiles a firmware entry file for a test, with its memory in sight, and runs it on a chip's pins.
import { readFileSync } from "node:fs";
import { MemoryNvm, type Nvm } from "../../host/chip/nvm.ts";
import { compile } from "../../scripts/firmware.mjs";
import { randomFrom } from "./random.ts";

export interface Pins {
  linkWrite: (byte: number) => number;
  nvmRead: (address: number) => number;
  nvmWrite: (address: number, byte: number) => void;
  clockMs: () => number;
  random32: () => number;
  trace: (event: number, value: number) => void;
}

export interface BuildOptions {
  profile?: string;
  use?: Record<string, number>;
  replace?: Record<string, string>;
}

/** Compile `entry` (path from the root); the result is cached in build/test by entry name and options. */
export async function build(entry: string, options: BuildOptions = {}): Promise<WebAssembly.Module> {
  const variant = JSON.stringify([options.profile ?? "card-6k", options.use ?? {}, options.replace ?? {}]);
  const name = `${entry}-${variant}`.replace(/[^a-z0-9]+/gi, "-");
  const path = await compile({ entry, out: `build/test/${name}.wasm`, exportMemory: true, ...options });
  return new WebAssembly.Module(readFileSync(path));
}

/** Instantiate on default pins: NVM in memory, entropy of SEED, a clock that stands still. */
export function instantiate<E>(
  module: WebAssembly.Module,
  pins: Partial<Pins> = {},
  nvm: Nvm = new MemoryNvm(262144),
): E & { memory: WebAssembly.Memory } {
  const all: Pins = {
    linkWrite: () => 1,
    nvmRead: (address) => nvm.read(address >>> 0),
    nvmWrite: (address, byte) => nvm.write(address >>> 0, byte),
    clockMs: () => 0,
    random32: randomFrom(),
    trace: () => undefined,
    ...pins,
  };
  return new WebAssembly.Instance(module, { pins: all as unknown as WebAssembly.ModuleImports })
    .exports as unknown as E & { memory: WebAssembly.Memory };
}
