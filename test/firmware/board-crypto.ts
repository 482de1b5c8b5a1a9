// Stand-in firmware that runs one cryptographic operation a command, to count its instructions and its stack on a board; its
// secrets follow from the command's argument.
import { CRYPTO, TCBS, powerOn as clear } from "../../firmware/chip/ram-map.ts";
import * as aead from "../../firmware/crypto/aead.ts";
import * as p256 from "../../firmware/crypto/p256.ts";
import * as sha256 from "../../firmware/crypto/sha256.ts";
import * as x25519 from "../../firmware/crypto/x25519.ts";
import * as commands from "./board-commands.ts";

const KEY: usize = TCBS;
const OUT: usize = TCBS + 32;
const POINT: usize = OUT + 72;
const STATE: usize = POINT + 72;
const PIECE_BYTES: u32 = 64;
const PIECES: u32 = 1024 / PIECE_BYTES;

export function powerOn(): void {
  clear();
  draw(0);
}

export function receive(byte: u32): void {
  commands.receive(byte);
}

export function timer(): void {}

/** @returns ms until the next call */
export function step(): u32 {
  if (commands.ready()) {
    const letter = commands.take();
    draw(commands.takeArgument());
    commands.answer(run(letter));
  }
  return commands.flush();
}

/** The key: a digest of the argument. */
function draw(argument: u32): void {
  store<u32>(OUT, argument);
  sha256.init(STATE);
  sha256.update(STATE, OUT, 4);
  sha256.final(STATE, KEY);
}

/** @returns four bytes of the result */
function run(letter: u32): u32 {
  switch (letter) {
    case 0x6b /* k */:
      p256.publicKey(POINT, KEY, CRYPTO);
      break;
    case 0x64 /* d */:
      p256.ecdh(OUT, KEY, POINT, CRYPTO);
      break;
    case 0x73 /* s */:
      p256.sign(OUT, KEY, KEY, 0, CRYPTO);
      break;
    case 0x78 /* x */:
      x25519.publicKey(OUT, KEY, CRYPTO);
      break;
    case 0x68 /* h */:
      hash();
      break;
    case 0x61 /* a */:
      encrypt(aead.AES_128_GCM);
      break;
    case 0x63 /* c */:
      encrypt(aead.CHACHA20_POLY1305);
      break;
    case 0x6c /* l */:
      leak();
  }
  return load<u32>(OUT);
}

/** Wrong on purpose: how often it goes round depends on the key. */
function leak(): void {
  for (let i: u32 = 0; i < 32; i++)
    for (let j = load<u8>(KEY + i); j > 0; j--) store<u8>(OUT, load<u8>(OUT) ^ j);
}

function hash(): void {
  sha256.init(STATE);
  for (let i: u32 = 0; i < PIECES; i++) sha256.update(STATE, POINT, PIECE_BYTES);
  sha256.final(STATE, OUT);
}

function encrypt(suite: u32): void {
  aead.begin(STATE, suite, KEY, KEY, 0, 0, CRYPTO);
  for (let i: u32 = 0; i < PIECES; i++) aead.encrypt(STATE, KEY, POINT, PIECE_BYTES, CRYPTO);
  aead.tag(STATE, KEY, OUT, CRYPTO);
}
