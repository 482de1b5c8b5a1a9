// Computations for the taint test: each is one small entry, told what it is given, what it is asked and what it gives.
import { expect } from "vitest";
import { randomFrom } from "./random.ts";
import { isWithin, Recording, subject, watch, type Finding, type Range } from "./taint.ts";

/** One computation: what it is given, what it is asked, what it gives. */
export interface Computation {
  name: string;
  /** How often something becomes public. */
  declassified: number;
  /** The NVM that it begins with, and what of it is secret. */
  nvm?: { image: Uint8Array; secrets: Range[] };
  run: (card: Recording) => void;
}

// Where things lie, below the constants. Odd addresses, where alignment is not asked for.
export const SECRET = 257;
export const SECRET_2 = 513;
export const PUBLIC = 769;
export const PUBLIC_2 = 1025;
export const OUT = 1281;
export const STATE = 1536;
export const SCRATCH = 2048;
export const DATA = 4097;

/** Some bytes, not twice the same. */
export const bytes = (length: number, first = 1) =>
  Uint8Array.from({ length }, (_, i) => (first + 37 * i) & 255);

/** Runs the computations of a test's entry file under valgrind. @returns a finding each */
export async function findings(entry: string, computations: Computation[]): Promise<Finding[]> {
  const firmware = await subject(entry);
  const cases = computations.map(({ name, nvm, run }) => {
    const pins = nvm && pinsOf(nvm.image.slice());
    const card = new Recording(firmware, name, pins ? { pins } : {}, nvm?.image, nvm?.secrets);
    run(card);
    return card.end();
  });
  return watch(firmware, cases);
}

function pinsOf(cells: Uint8Array) {
  return {
    nvmRead: (address: number) => cells[address]!,
    nvmWrite: (address: number, byte: number) => void (cells[address] = byte),
    random32: randomFrom(1),
  };
}

/**
 * No branch and no address depends on a secret, as much is made public as was announced, nothing secret is left in RAM, nor
 * in NVM but where `kept` says.
 */
export async function expectClean(
  entry: string,
  computations: Computation[],
  kept: Range[] = [],
): Promise<void> {
  const found = await findings(entry, computations);
  computations.forEach(({ name, declassified, nvm }, i) => {
    const { leaks, log, ram, secretOutput, ...seen } = found[i]!;
    const known = [...kept, ...(nvm?.secrets ?? [])];
    const strays = seen.nvm.filter((range) => !known.some((outer) => isWithin(range, outer)));
    expect.soft(leaks, `${name}: ${log}`).toBe(0);
    const summary = { name, declassified: seen.declassified, ram, strays };
    expect.soft(summary).toEqual({ name, declassified, ram: [], strays: [] });
    expect.soft(secretOutput + declassified, `${name}: no secret got anywhere`).toBeGreaterThan(0);
  });
}
