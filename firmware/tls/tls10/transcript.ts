// The rolling hashes of all handshake messages, MD5 and SHA-1 (RFC 2246 section 7.4.9), over one block: what both have not
// compressed yet is the same. Once final() has been called on a state it can't go on, so it is saved before and restored
// behind (seed [220]-[225]): in NVM during a full handshake, in RAM, which is free then, during a partial one.
//
//   0       64         84       88        104
//   ┌───────┬──────────┬────────┬─────────┐
//   │ block │ SHA-1's H│ length │ MD5's H │
//   └───────┴──────────┴────────┴─────────┘
import * as nvm from "../../chip/nvm.ts";
import { TLS_SWAP } from "../../chip/nvm-map.ts";
import * as digest from "../../crypto/digest.ts";

export const STATE_BYTES: u32 = digest.STATE_BYTES + digest.MD5_BYTES;
/** MD5's hash, then SHA-1's. */
export const HASHES_BYTES: u32 = digest.MD5_BYTES + digest.SHA1_BYTES;

const MD5_H: usize = digest.STATE_BYTES;

export function init(state: usize): void {
  digest.init(state);
  memory.copy(state + MD5_H, state + digest.H, digest.MD5_BYTES);
}

/** Adds bytes of a handshake message, its header included. */
export function add(state: usize, data: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) {
    const used = load<u32>(state, digest.LENGTH) % digest.BLOCK_BYTES;
    store<u32>(state, load<u32>(state, digest.LENGTH) + 1, digest.LENGTH);
    store<u8>(state + used, load<u8>(data + i));
    if (used != digest.BLOCK_BYTES - 1) continue;
    digest.compress(digest.MD5, state, state + MD5_H);
    digest.compress(digest.SHA1, state, state + digest.H);
  }
}

/** The hashes of all messages so far. @param out HASHES_BYTES @param spare STATE_BYTES of RAM, 0: it is saved in NVM */
export function hashes(state: usize, out: usize, spare: usize): void {
  save(state, spare);
  memory.copy(state + digest.H, state + MD5_H, digest.MD5_BYTES);
  digest.final(digest.MD5, state, out);
  restore(state, spare);
  digest.final(digest.SHA1, state, out + digest.MD5_BYTES);
  restore(state, spare);
}

function save(state: usize, spare: usize): void {
  if (spare) memory.copy(spare, state, STATE_BYTES);
  else nvm.copyOut(TLS_SWAP, state, STATE_BYTES);
}

function restore(state: usize, spare: usize): void {
  if (spare) memory.copy(state, spare, STATE_BYTES);
  else nvm.copyIn(state, TLS_SWAP, STATE_BYTES);
}
