// What the fetcher makes of an answer, alone: bytes in, files out.
import * as answers from "../../firmware/apps/fetch/answer.ts";
import { answer, fetcher } from "../../firmware/apps/fetch/state.ts";
import * as ram from "../../firmware/chip/ram-map.ts";
import * as drbg from "../../firmware/crypto/drbg.ts";
import * as files from "../../firmware/files/files.ts";

export function powerOn(): void {
  ram.powerOn();
  drbg.powerOn();
  files.powerOn();
  fetcher();
}

/** Memory where the test may put what it hands over: the card's pbufs, which nobody uses here. */
export function workspace(): usize {
  return ram.PBUF_PAYLOADS;
}
export function workspaceBytes(): u32 {
  return ram.PBUF_PAYLOADS_BYTES;
}

/** Opens a file of `bytes` bytes; its name stands in the workspace. */
export function createFile(nameLength: u32, bytes: u32): i32 {
  return files.create(workspace(), nameLength, 0, 0, bytes);
}
export function appendFile(length: u32): i32 {
  return files.append(workspace(), length);
}
export function commitFile(): i32 {
  return files.commit();
}
/** Copies a file, whose name stands in the workspace, there. @returns its bytes, negative: there is none */
export function readFile(nameLength: u32): i32 {
  const file = files.find(workspace(), nameLength);
  return file < 0 ? file : i32(files.read(file, 0, workspace(), files.size(file)));
}

export function begin(): void {
  answers.begin(answer());
}
export function read(length: u32): i32 {
  return answers.read(answer(), workspace(), length);
}
export function end(): i32 {
  return answers.end(answer());
}
