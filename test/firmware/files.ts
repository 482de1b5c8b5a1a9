// The card's file system, keys and personalisation, without the network: what test/unit/{files,personalisation} drive.
import * as personalisation from "../../firmware/apps/personalisation.ts";
import * as ram from "../../firmware/chip/ram-map.ts";
import * as drbg from "../../firmware/crypto/drbg.ts";
import * as files from "../../firmware/files/files.ts";
import * as keys from "../../firmware/files/keys.ts";
import * as apdu from "../../firmware/link/apdu.ts";

/** Where a command's data stands. */
export function data(): usize {
  return apdu.data();
}
export function powerOn(): void {
  ram.powerOn();
  drbg.powerOn();
  files.powerOn();
}
/** Answers the command that the stand-in of link/apdu.ts holds. */
export function step(): void {
  personalisation.poll();
}
export function find(name: usize, length: u32): i32 {
  return files.find(name, length);
}
export function size(file: i32): u32 {
  return files.size(file);
}
export function typeOf(file: i32, target: usize): u32 {
  return files.typeOf(file, target);
}
export function read(file: i32, offset: u32, target: usize, length: u32): u32 {
  return files.read(file, offset, target, length);
}
export function etag(file: i32): u32 {
  return files.etag(file);
}
export function create(name: usize, nameLength: u32, type: usize, typeLength: u32, bytes: u32): i32 {
  return files.create(name, nameLength, type, typeLength, bytes);
}
export function append(data: usize, length: u32): i32 {
  return files.append(data, length);
}
export function commit(): i32 {
  return files.commit();
}
export function remove(file: i32): void {
  files.remove(file);
}
export function count(): u32 {
  return files.count();
}
export function freeBytes(): u32 {
  return files.freeBytes();
}
export function damagedCount(): u32 {
  return files.damagedCount();
}
export function lifeCycle(): u32 {
  return keys.lifeCycle();
}
export function readPrivateKey(target: usize): void {
  keys.readPrivateKey(target);
}
