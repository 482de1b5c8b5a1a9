// How certificates are signed (RFC 5280 section 4.1.1.2): three algorithms are known, each by its whole AlgorithmIdentifier,
// since DER has one way to write it, and RFC 4055 two for RSASSA-PSS. Their content is compared as it streams in, with all
// of them at once.
export const UNKNOWN: u32 = 0;
/** ecdsa-with-SHA256 (RFC 5758). */
export const ECDSA: u32 = 1;
/** sha256WithRSAEncryption (RFC 4055). */
export const RSA_PKCS1: u32 = 2;
/** id-RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes (RFC 4055). */
export const RSA_PSS: u32 = 3;
/** The same, the hash's parameters left away. */
const RSA_PSS_BARE: u32 = 4;

/** A bit for each. */
export const ALL: u32 = (1 << ECDSA) | (1 << RSA_PKCS1) | (1 << RSA_PSS) | (1 << RSA_PSS_BARE);

const ECDSA_ID: usize = memory.data<u8>([0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]);
// prettier-ignore
const RSA_PKCS1_ID: usize = memory.data<u8>([
  0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00,
]);
// prettier-ignore
const RSA_PSS_ID: usize = memory.data<u8>([
  0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x34,
  0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
  0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08,
  0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
  0xa2, 0x03, 0x02, 0x01, 0x20,
]);

// prettier-ignore
const RSA_PSS_BARE_ID: usize = memory.data<u8>([
  0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x30,
  0xa0, 0x0d, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
  0xa1, 0x1a, 0x30, 0x18, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08,
  0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
  0xa2, 0x03, 0x02, 0x01, 0x20,
]);

/** @returns those of `match` that have `byte` at `index` */
export function narrow(match: u32, index: u32, byte: u32): u32 {
  let still: u32 = 0;
  for (let algorithm = ECDSA; algorithm <= RSA_PSS_BARE; algorithm++) {
    if (index < lengthOf(algorithm) && load<u8>(idOf(algorithm) + index) == byte) still |= 1 << algorithm;
  }
  return match & still;
}

/** @returns the algorithm of `match` whose identifier has `length` bytes, or UNKNOWN */
export function identify(match: u32, length: u32): u32 {
  for (let algorithm = ECDSA; algorithm <= RSA_PSS_BARE; algorithm++) {
    if ((match >> algorithm) & 1 && length == lengthOf(algorithm)) return min(algorithm, RSA_PSS);
  }
  return UNKNOWN;
}

function idOf(algorithm: u32): usize {
  switch (algorithm) {
    case ECDSA:
      return ECDSA_ID;
    case RSA_PKCS1:
      return RSA_PKCS1_ID;
    case RSA_PSS:
      return RSA_PSS_ID;
    default:
      return RSA_PSS_BARE_ID;
  }
}

function lengthOf(algorithm: u32): u32 {
  switch (algorithm) {
    case ECDSA:
      return 10;
    case RSA_PKCS1:
      return 13;
    case RSA_PSS:
      return 65;
    default:
      return 61;
  }
}
