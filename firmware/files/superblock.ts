// The first bytes of NVM: is it laid out for this firmware, and may the card still be personalised?
//
//   0          4            5
//   ┌──────────┬────────────┐
//   │ MAGIC    │ life cycle │ FF until the card is operational
//   └──────────┴────────────┘
//
// The last byte of MAGIC is written after everything else, so a layout that power interrupted is begun anew. Any life
// cycle byte but FF counts as operational: a worn cell closes the card, it never opens it, and the self-test finds it.
import * as nvm from "../chip/nvm.ts";
import {
  DIRECTORY,
  ENTRY_BYTES,
  ENTRY_COUNT,
  KEY_RECORD,
  KEY_RECORD_BYTES,
  RSA_KEY,
  RSA_KEY_BYTES,
  SUPERBLOCK,
} from "../chip/nvm-map.ts";

/** Number of the layout in nvm-map.ts: change it with that file. No card takes another kind's key for its own. */
export const LAYOUT: u32 = TLS10 ? 0x81 : TLS_RSA ? 0x82 : 1;
/** Life cycle status byte of an activated card or file, ISO 7816-4 table 14; what is not activated reads ERASED. */
export const ACTIVATED: u32 = 0x05;

const MAGIC: u32 = 0x4e435200 | LAYOUT; // "NCR"
const LIFE_CYCLE: u32 = SUPERBLOCK + 4;

/** Lays out an NVM that is new, or of another layout, or half laid out; never that of an operational card. */
export function powerOn(): void {
  if (isIntact() || isOperational()) return;
  for (let i: u32 = 0; i < KEY_RECORD_BYTES; i++) nvm.write(KEY_RECORD + i, nvm.ERASED);
  for (let i: u32 = 0; i < RSA_KEY_BYTES; i++) nvm.write(RSA_KEY + i, nvm.ERASED);
  for (let i: u32 = 0; i < ENTRY_COUNT; i++) nvm.write(DIRECTORY + i * ENTRY_BYTES, nvm.ERASED);
  nvm.write32(SUPERBLOCK, MAGIC);
}

/** @returns true when NVM is laid out as this firmware expects, and the life cycle is one that it writes */
export function isIntact(): bool {
  return nvm.read32(SUPERBLOCK) == MAGIC && (!isOperational() || nvm.read(LIFE_CYCLE) == ACTIVATED);
}

export function isOperational(): bool {
  return nvm.read(LIFE_CYCLE) != nvm.ERASED;
}

/** One byte, and no way back. */
export function setOperational(): void {
  nvm.write(LIFE_CYCLE, ACTIVATED);
}
