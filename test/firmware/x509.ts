// The client's judgement of certificates alone: chains in, an alert out; with its own files in NVM.
import * as ram from "../../firmware/chip/ram-map.ts";
import * as pbuf from "../../firmware/buffer/pbuf.ts";
import * as drbg from "../../firmware/crypto/drbg.ts";
import * as files from "../../firmware/files/files.ts";
import * as context from "../../firmware/tls/context.ts";
import * as certificate from "../../firmware/tls/client/certificate-reader.ts";
import * as knownTime from "../../firmware/tls/client/known-time.ts";
import * as path from "../../firmware/tls/client/path.ts";
import * as slots from "../../firmware/tls/client/slots.ts";
import * as state from "../../firmware/tls/client/state.ts";

const TARGET: usize = memory.data<u8>([0x2f, 0x2e, 0x74]); // "/.t"

export function powerOn(): void {
  context.check();
  ram.powerOn();
  pbuf.powerOn();
  drbg.powerOn();
  files.powerOn();
}

/** Memory where the test may put what it hands over: the card's pbufs, which nobody uses here. */
export function workspace(): usize {
  return ram.PBUF_PAYLOADS;
}
export function workspaceBytes(): u32 {
  return ram.PBUF_PAYLOADS_BYTES;
}

/** Regions that judging has no business in: up to TLS, and from the files' on. */
export function ours(): usize {
  return ram.TLS;
}
export function theirs(): usize {
  return ram.FILES;
}

export function createFile(nameLength: u32, bytes: u32): i32 {
  return files.create(workspace(), nameLength, 0, 0, bytes);
}
export function appendFile(length: u32): i32 {
  return files.append(workspace(), length);
}
export function commitFile(): i32 {
  return files.commit();
}

/** Expects a chain for the target in the file "/.t". */
export function begin(): void {
  path.begin(state.reader(context.at(0)), files.find(TARGET, 3));
}
export function beginCertificate(length: u32): u32 {
  return path.beginCertificate(state.reader(context.at(0)), length);
}
/** Bytes of the certificate, from the workspace. */
export function read(length: u32): u32 {
  return certificate.read(state.reader(context.at(0)), workspace(), length);
}
export function endCertificate(): u32 {
  return path.endCertificate(state.reader(context.at(0)));
}
export function isTrusted(): bool {
  return state.reader(context.at(0)).isTrusted;
}
export function end(): u32 {
  return path.end(state.reader(context.at(0)));
}

/** @returns where in NVM the signed hash of the certificate number `index` is */
export function digestAt(index: u32): u32 {
  return slots.digest(slots.forIndex(index));
}
/** Learns the time, 14 digits in the workspace. */
export function raiseTime(): void {
  knownTime.raise(workspace());
}
