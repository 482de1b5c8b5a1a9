// Where a card has its secrets between connections, as nvm-map.ts, ram-map.ts and the files that they name say.
import type { Range } from "./taint.ts";

const range = (from: number, bytes: number): Range => ({ from, to: from + bytes });

/** In RAM, the key of the random generator; its last output is wiped. */
export const DRBG_RANGE = range(8, 48);

// In NVM.
export const SEED_RANGES = [range(32, 32), range(72, 32)];
export const PRIVATE_KEY_RANGE = range(116, 32);
/** The checksum of the key pair. */
const CHECKSUM_RANGE = range(213, 4);
const TICKET_KEY_RANGE = range(20096 + 12, 32);
const MASTER_RANGES = [0, 1, 2, 3].map((entry) => range(20160 + 80 * entry + 24, 48));
export const NVM_RANGES = [
  ...SEED_RANGES,
  PRIVATE_KEY_RANGE,
  CHECKSUM_RANGE,
  TICKET_KEY_RANGE,
  ...MASTER_RANGES,
];
/** An RSA key of 2,048 bits. */
export const RSA_KEY_RANGE = range(20480 + 4, 640);
export const RSA_NVM_RANGES = [...SEED_RANGES, RSA_KEY_RANGE, TICKET_KEY_RANGE, ...MASTER_RANGES];
