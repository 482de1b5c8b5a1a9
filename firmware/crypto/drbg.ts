// The random generator: ChaCha20 with fast key erasure, in place in one matrix (chacha20.ts). Of each block of key
// stream the words where the key stood are the next key and the last four are output: the RAM never tells what was
// output before.
//
// Seeded at power-on by the pin and by a seed in NVM, so that a stuck pin does not make it repeat. A seed is used
// once: its successor is committed, and itself erased, before the first output. Power may fail at each byte:
//
//   slot    0                  32      36     37
//           ┌──────────────────┬───────┬──────┐   1. the slot not in use: uncommit; seed and count; commit
//           │ seed             │ boots │ mark │   2. the slot just used: uncommit; erase
//           └──────────────────┴───────┴──────┘   Cut in 2, both are committed: the higher count is the newer.
import * as chacha20 from "./chacha20.ts";
import * as ct from "./ct.ts";
import * as nvm from "../chip/nvm.ts";
import * as pins from "../chip/pins.ts";
import { DRBG_SEED, DRBG_SLOT_BYTES } from "../chip/nvm-map.ts";
import { DRBG, DRBG_BYTES } from "../chip/ram-map.ts";

const KEY: usize = DRBG + chacha20.KEY;
const OUTPUT: usize = DRBG + chacha20.COUNTER;
const OUTPUT_BYTES: u32 = 16;

/** Of 256 raw bits each: enough when the pin gives an eighth of a bit of entropy per bit. */
const ENTROPY_ROUNDS: u32 = 8;

const BOOTS: u32 = chacha20.KEY_BYTES;
const MARK: u32 = BOOTS + 4;
const COMMITTED: u32 = 0xa5;

/** Seeds the generator and NVM for the next time. Nothing may be output before. CT: nothing leaks. */
export function powerOn(): void {
  if (DRBG_BYTES < chacha20.BLOCK_BYTES) ERROR("the matrix does not fit DRBG_BYTES");
  if (MARK >= DRBG_SLOT_BYTES) ERROR("a seed does not fit DRBG_SLOT_BYTES");
  const used = newestSlot();
  let boots: u32 = 0;
  if (isCommitted(used)) {
    boots = nvm.read32(used + BOOTS);
    nvm.copyIn(KEY, used, chacha20.KEY_BYTES);
  }
  for (let round: u32 = 0; round < ENTROPY_ROUNDS; round++) {
    for (let at = KEY; at < OUTPUT; at += 4) store<u32>(at, load<u32>(at) ^ pins.random32());
    next(boots);
  }
  commit(used == DRBG_SEED ? DRBG_SEED + DRBG_SLOT_BYTES : DRBG_SEED, boots + 1);
  erase(used);
}

/** Random bytes. @param target `length` bytes. CT: only the length leaks. */
export function fill(target: usize, length: u32): void {
  while (length > 0) {
    const run = min(length, OUTPUT_BYTES);
    next(0);
    memory.copy(target, OUTPUT, run);
    target += run;
    length -= run;
  }
  ct.wipe(OUTPUT, OUTPUT_BYTES);
}

/** The next key and the next output; the nonce is zero, since no key is used twice. */
function next(counter: u32): void {
  ct.wipe(OUTPUT, OUTPUT_BYTES);
  chacha20.block(DRBG, KEY, counter, DRBG + chacha20.NONCE);
}

/** Writes a new seed. @param boots how often the card has booted when it will be used */
function commit(slot: u32, boots: u32): void {
  nvm.write(slot + MARK, nvm.ERASED);
  for (let at: u32 = 0; at < BOOTS; at += OUTPUT_BYTES) {
    next(0);
    nvm.overwrite(slot + at, OUTPUT, OUTPUT_BYTES);
  }
  nvm.write32(slot + BOOTS, boots);
  nvm.write(slot + MARK, COMMITTED);
}

/** Erases a used seed, so that NVM does not tell what the generator output either. */
function erase(slot: u32): void {
  nvm.write(slot + MARK, nvm.ERASED);
  nvm.erase(slot, BOOTS);
}

function isCommitted(slot: u32): bool {
  return nvm.read(slot + MARK) == COMMITTED;
}

/** The slot with the seed to use; any, when the card boots for the first time. */
function newestSlot(): u32 {
  const second = DRBG_SEED + DRBG_SLOT_BYTES;
  if (!isCommitted(second)) return DRBG_SEED;
  if (!isCommitted(DRBG_SEED)) return second;
  return nvm.read32(second + BOOTS) > nvm.read32(DRBG_SEED + BOOTS) ? second : DRBG_SEED;
}
