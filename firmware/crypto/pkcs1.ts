// A pre-master secret out of what RSA has decrypted (RFC 8017 section 7.2.2; RFC 5246 section 7.4.7.1). Whether it was there
// must not show (Bleichenbacher 1998; Klima, Pokorny and Rosa 2003 for the version): a random one takes its place.
//
//   message   0    1    2                          bytes - 49   bytes - 48
//             ┌────┬────┬──────────────────────────┬────┬───────────────────────────┐
//             │ 00 │ 02 │ none of them 00          │ 00 │ version, 46 random bytes  │
//             └────┴────┴──────────────────────────┴────┴───────────────────────────┘

export const PRE_MASTER_BYTES: u32 = 48;

/**
 * Takes the secret out of a message.
 * @param message `bytes` bytes, 59 at least @param version that the ClientHello named
 * @param secret PRE_MASTER_BYTES: random on entry, which it stays when the message is not as it should be
 * CT: nothing leaks but `bytes`.
 */
export function takePreMaster(message: usize, bytes: u32, version: u32, secret: usize): void {
  const content = message + bytes - PRE_MASTER_BYTES;
  let bad = u32(load<u8>(message)) | (load<u8>(message, 1) ^ 2) | load<u8>(content - 1);
  for (let at = message + 2; at < content - 1; at++) bad |= isZero(load<u8>(at)) & 1;
  bad |= (load<u8>(content) ^ (version >> 8)) | (load<u8>(content, 1) ^ (version & 0xff));
  const mask = isZero(bad);
  for (let i: u32 = 0; i < PRE_MASTER_BYTES; i++) {
    const byte = u32(load<u8>(secret + i));
    store<u8>(secret + i, byte ^ ((byte ^ load<u8>(content + i)) & mask));
  }
}

/** All ones when x, below 2^31, is 0, else 0. */
function isZero(x: u32): u32 {
  return u32(i32(x - 1) >> 31);
}
