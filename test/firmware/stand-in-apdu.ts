// Stands in for firmware/link/apdu.ts: one command, put here by the test, and its answer.
//   49152  CLA INS P1 P2 Lc · 49157 waiting · 49160 SW, u16 · 49162 bytes of response, u16; data in region APDU
import { APDU } from "../../firmware/chip/ram-map.ts";

const COMMAND: usize = 49152;

export function ready(): bool {
  return load<u8>(COMMAND + 5) == 1;
}
export function cla(): u32 {
  return load<u8>(COMMAND);
}
export function ins(): u32 {
  return load<u8>(COMMAND + 1);
}
export function p1(): u32 {
  return load<u8>(COMMAND + 2);
}
export function p2(): u32 {
  return load<u8>(COMMAND + 3);
}
export function lc(): u32 {
  return load<u8>(COMMAND + 4);
}
export function data(): usize {
  return APDU;
}
export function respond(sw: u32): void {
  respondData(0, sw);
}
export function respondData(length: u32, sw: u32): void {
  store<u8>(COMMAND + 5, 0);
  store<u16>(COMMAND + 8, sw);
  store<u16>(COMMAND + 10, length);
}
