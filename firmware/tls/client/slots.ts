// Where the client keeps, in NVM, what it will need of certificates that have gone by: nothing of it is secret, nothing of
// it outlives the handshake. A slot a certificate:
//
//   0        32          33         34       36          292   584            586
//   ┌────────┬───────────┬──────────┬────────┬───────────┬─────┬──────────────┬─────────┐
//   │ digest │ algorithm │ key type │ length │ signature │ key │ issuer length│ issuer  │
//   └────────┴───────────┴──────────┴────────┴───────────┴─────┴──────────────┴─────────┘ 1,024
//
// The key is the content of SubjectPublicKeyInfo. Numbers are big-endian.
//
//   LEAF     the server's own             until the end of the handshake
//   LINK_0   further certificates in turn; at last the signature of CertificateVerify or ServerKeyExchange is in LINK_0
//   LINK_1
//   ANCHOR   the CA of the card's that is being tried
import { TLS_SWAP, TLS_SWAP_BYTES } from "../../chip/nvm-map.ts";
import * as nvm from "../../chip/nvm.ts";

const DIGEST: u32 = 0;
const ALGORITHM: u32 = 32;
const KEY_TYPE: u32 = 33;
const SIGNATURE_LENGTH: u32 = 34;
const SIGNATURE: u32 = 36;
const KEY: u32 = 292;
const ISSUER_LENGTH: u32 = 584;
const ISSUER: u32 = 586;
const SLOT_BYTES: u32 = 1024;

export const SIGNATURE_MAX: u32 = KEY - SIGNATURE;
export const KEY_MAX: u32 = ISSUER_LENGTH - KEY;
export const ISSUER_MAX: u32 = SLOT_BYTES - ISSUER;

/** The first bytes of the area, which loan.ts uses. */
export const LOAN_BYTES: u32 = 1024;

export const LEAF: u32 = 0;
export const LINK_0: u32 = 1;
export const ANCHOR: u32 = 3;
export const NONE: u32 = 4;

/** @returns the slot of the chain's certificate number `index`, from 0 on */
export function forIndex(index: u32): u32 {
  return index == 0 ? LEAF : LINK_0 + 1 - (index & 1);
}

/** @returns where a slot's digest is, 32 bytes */
export function digest(slot: u32): u32 {
  return at(slot) + DIGEST;
}

/** @returns where a slot's signature is, SIGNATURE_MAX bytes at most */
export function signature(slot: u32): u32 {
  return at(slot) + SIGNATURE;
}

/** @returns where a slot's key is, KEY_MAX bytes at most */
export function key(slot: u32): u32 {
  return at(slot) + KEY;
}

/** @returns where the name of a slot's issuer is, ISSUER_MAX bytes at most */
export function issuer(slot: u32): u32 {
  return at(slot) + ISSUER;
}

export function algorithm(slot: u32): u32 {
  return nvm.read(at(slot) + ALGORITHM);
}
export function setAlgorithm(slot: u32, value: u32): void {
  nvm.write(at(slot) + ALGORITHM, value);
}

export function keyType(slot: u32): u32 {
  return nvm.read(at(slot) + KEY_TYPE);
}
export function setKeyType(slot: u32, value: u32): void {
  nvm.write(at(slot) + KEY_TYPE, value);
}

export function signatureLength(slot: u32): u32 {
  return read16(at(slot) + SIGNATURE_LENGTH);
}
export function setSignatureLength(slot: u32, value: u32): void {
  write16(at(slot) + SIGNATURE_LENGTH, value);
}

export function issuerLength(slot: u32): u32 {
  return read16(at(slot) + ISSUER_LENGTH);
}
export function setIssuerLength(slot: u32, value: u32): void {
  write16(at(slot) + ISSUER_LENGTH, value);
}

function at(slot: u32): u32 {
  if (LOAN_BYTES + NONE * SLOT_BYTES > TLS_SWAP_BYTES) ERROR("the slots do not fit TLS_SWAP_BYTES");
  return TLS_SWAP + LOAN_BYTES + slot * SLOT_BYTES;
}

function read16(address: u32): u32 {
  return (nvm.read(address) << 8) | nvm.read(address + 1);
}

function write16(address: u32, value: u32): void {
  nvm.write(address, value >> 8);
  nvm.write(address + 1, value);
}
