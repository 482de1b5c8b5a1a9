// Numbers that can't be guessed from outside. Initial sequence numbers, RFC 6528: ISN = M + F(connection, secret). M is the
// 4 µs clock, here in steps of 250 a millisecond; F is SipHash-2-4 (Aumasson and Bernstein, 2012), whose key is drawn at
// power-on and leaves no trace.
import { Millis } from "../chip/clock.ts";

const TICKS_PER_MS: u32 = 250;
const MESSAGE_LEN: u64 = 12;

/**
 * CT: the secret does not leak: additions, rotations and exclusive-ors only.
 * @param secret address of 16 random bytes @param local our address @param remote the peer's
 * @param ports local port << 16 | remote port
 */
export function generate(secret: usize, local: u32, remote: u32, ports: u32, now: Millis): u32 {
  return u32(hash(secret, (u64(local) << 32) | remote, ports)) + now * TICKS_PER_MS;
}

/**
 * Numbers for ports and identifiers (RFC 6056, RFC 5452). No connection has the local address 0, so that these are not
 * among the values that initial sequence numbers show.
 * CT: as generate(). @param secret address of 16 random bytes @param counter another one each time
 */
export function unguessable(secret: usize, counter: u32): u32 {
  return u32(hash(secret, counter, 0));
}

/** @returns SipHash-2-4 of the 12 bytes of `first` and `second`, both little-endian, under the 16 bytes at `key` */
export function hash(key: usize, first: u64, second: u32): u64 {
  const k0 = load<u64>(key);
  const k1 = load<u64>(key, 8);
  let v0 = k0 ^ 0x736f6d6570736575;
  let v1 = k1 ^ 0x646f72616e646f6d;
  let v2 = k0 ^ 0x6c7967656e657261;
  let v3 = k1 ^ 0x7465646279746573;
  let word = first;
  // Two rounds a word, then four: word 0, word 1, finalization.
  for (let round = 0; round < 8; round++) {
    if (round == 0 || round == 2) v3 ^= word;
    v0 += v1;
    v2 += v3;
    v1 = rotl(v1, 13) ^ v0;
    v3 = rotl(v3, 16) ^ v2;
    v0 = rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = rotl(v1, 17) ^ v2;
    v3 = rotl(v3, 21) ^ v0;
    v2 = rotl(v2, 32);
    if (round == 1 || round == 3) v0 ^= word;
    if (round == 1) word = (MESSAGE_LEN << 56) | second;
    if (round == 3) v2 ^= 0xff;
  }
  return v0 ^ v1 ^ v2 ^ v3;
}
