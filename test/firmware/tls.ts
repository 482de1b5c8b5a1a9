// TLS on a socket that the test plays, with the card's own files and key.
import * as clock from "../../firmware/chip/clock.ts";
import * as ram from "../../firmware/chip/ram-map.ts";
import * as pbuf from "../../firmware/buffer/pbuf.ts";
import { Pbuf } from "../../firmware/buffer/pbuf.ts";
import * as drbg from "../../firmware/crypto/drbg.ts";
import * as files from "../../firmware/files/files.ts";
import * as rsaKey from "../../firmware/files/rsa-key.ts";
import * as keys from "../../firmware/files/keys.ts";
import { Context } from "../../firmware/tls/context.ts";
import * as tls from "../../firmware/tls/tls.ts";

export function powerOn(): void {
  ram.powerOn();
  pbuf.powerOn();
  drbg.powerOn();
  files.powerOn();
  tls.powerOn();
}

/** Memory where the test may put what it hands over, free before and after each call. */
export function workspace(): usize {
  return ram.TLS;
}

/** Memory that a caller of TLS may have its data in. */
export function elsewhere(): usize {
  return ram.APDU;
}

/** Regions that TLS has no business in: T0 up to TLS, and from the web server's on. */
export function strangersFrom(): usize {
  return ram.T0;
}
export function strangersTo(): usize {
  return ram.TLS;
}
export function restFrom(): usize {
  return ram.WEB_SERVER;
}

/** Where TLS and cryptography work, from workspace() on. */
export function workspaceEnd(): usize {
  return ram.CRYPTO + ram.CRYPTO_BYTES;
}

/** Makes the key pair. @returns address of the public key, 0 on a card with an RSA key */
export function makeKey(): usize {
  if (rsaKey.IN_USE) return 0;
  keys.generate(workspace());
  return workspace();
}

export function isKeyIntact(): bool {
  return keys.isIntact();
}

/** Puts a number of an RSA key in, which stands in the workspace: of such a card alone. */
export function putRsaNumber(number: u32, length: u32): bool {
  return rsaKey.IN_USE ? rsaKey.put(number, workspace(), length, workspace()) : false;
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

export function takePacket(): Pbuf | null {
  return pbuf.take();
}
/** Appends a byte. @returns the packet's last pbuf, null when the pool is empty */
export function appendByte(head: Pbuf, last: Pbuf, byte: u32): Pbuf | null {
  return pbuf.append(head, last, byte);
}
export function freePbufs(): u32 {
  return pbuf.freeCount();
}

export function attach(ctx: u32, socket: i32): void {
  tls.resetCtx(ctx, tls.RESET_INIT);
  tls.attach(ctx, socket);
}
/** With all that is computed meanwhile. */
export function accept(ctx: u32): i32 {
  let result: i32;
  do result = tls.accept(ctx, clock.now());
  while (result == tls.EAGAIN && compute());
  return result;
}
export function acceptOnly(ctx: u32): i32 {
  return tls.accept(ctx, clock.now());
}
export function compute(): bool {
  return tls.COMPUTES && tls.compute();
}
/** Talks to a server; the name of the file that describes it stands in the workspace. */
export function attachClient(ctx: u32, socket: i32, nameLength: u32): void {
  const target = files.find(workspace(), nameLength);
  memory.fill(ram.TLS, 0, ram.TLS_BYTES); // it has been the workspace: a context begins with zeros
  tls.resetCtx(ctx, tls.RESET_INIT);
  tls.attachClient(ctx, socket, target);
}
export function connect(ctx: u32): i32 {
  return tls.connect(ctx);
}
export function expire(): void {
  tls.expire(clock.now());
}
export function recv(ctx: u32, flag: u32): i32 {
  return tls.recv(ctx, flag);
}
export function data(ctx: u32): usize {
  return tls.data(ctx);
}
export function authenticated(ctx: u32): bool {
  return tls.authenticated(ctx);
}
export function sendBuffer(ctx: u32): usize {
  return tls.sendBuffer(ctx);
}
export function writable(ctx: u32): bool {
  return tls.writable(ctx);
}
export function send(ctx: u32, source: usize, length: u32, flag: u32): i32 {
  return tls.send(ctx, source, length, flag);
}
export function begin(ctx: u32): bool {
  return tls.begin(ctx);
}
export function pieceBytes(ctx: u32): u32 {
  return tls.pieceBytes(ctx);
}
export function wanted(ctx: u32, total: u32): i32 {
  return tls.wanted(ctx, total);
}
export function sendPiece(ctx: u32, isLast: bool): i32 {
  return tls.sendPiece(ctx, isLast);
}
export function isDelivered(ctx: u32): bool {
  return tls.isDelivered(ctx);
}
export function close(ctx: u32): i32 {
  return tls.close(ctx);
}

/** Address of the number of the next record that a context sends, a u32. */
export function writeSeqAt(ctx: u32): usize {
  return contextAt(ctx) + offsetof<Context>("writeSeq");
}

/** Bytes of a context and its buffer. */
export function contextBytes(): u32 {
  return ram.TLS_CONTEXT_BYTES + TLS_BUFFER;
}

/** Address of a context, its buffer behind it. */
export function contextAt(ctx: u32): usize {
  return ram.TLS + ctx * (ram.TLS_CONTEXT_BYTES + TLS_BUFFER);
}
