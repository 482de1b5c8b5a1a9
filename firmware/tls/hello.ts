// What is kept of a ClientHello while it streams in: a set of bits, one key share, the session ID; a ticket and its binder
// go to the context, where the keys will be. Lies at the end of the buffer; ServerHello's front overwrites what is no longer
// needed when it is written.
import * as alert from "./alert.ts";
import { Context } from "./context.ts";
import { TLS_CONTEXT_BYTES } from "../chip/ram-map.ts";

// Groups (RFC 8446 section 4.2.7).
export const SECP256R1: u32 = 23;
export const X25519: u32 = 29;
export const X25519_BYTES: u32 = 32;

export const TLS_1_2: u32 = 0x0303;
export const TLS_1_3: u32 = 0x0304;
/** ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 (RFC 5289) and ..._CHACHA20_POLY1305_SHA256 (RFC 7905); the same of ECDHE_RSA. */
export const AES_1_2: u32 = 0xc02b;
export const CHACHA_1_2: u32 = 0xcca9;
export const RSA_AES_1_2: u32 = 0xc02f;
export const RSA_CHACHA_1_2: u32 = 0xcca8;
/** Those that our key allows. */
export const OUR_AES_1_2: u32 = TLS_RSA ? RSA_AES_1_2 : AES_1_2;
export const OUR_CHACHA_1_2: u32 = TLS_RSA ? RSA_CHACHA_1_2 : CHACHA_1_2;
// Signature schemes (RFC 8446 section 4.2.3).
export const ECDSA_SECP256R1_SHA256: u32 = 0x0403;
export const RSA_PSS_SHA256: u32 = 0x0804;
export const RSA_PKCS1_SHA256: u32 = 0x0401;
/** The one that we sign with; with an RSA key, a client of TLS 1.2 may have PKCS #1 v1.5 instead. */
export const OUR_SCHEME: u32 = TLS_RSA ? RSA_PSS_SHA256 : ECDSA_SECP256R1_SHA256;

// Findings.
export const HAS_GROUPS: u32 = 1;
export const HAS_ALGORITHMS: u32 = 2;
export const HAS_ALPN: u32 = 4;
export const HAS_PSK: u32 = 8;
export const HAS_EARLY_DATA: u32 = 16;
export const HAS_PSK_MODES: u32 = 32;
export const HAS_SHARES: u32 = 64;
export const OFFERS_TLS_1_3: u32 = 128;
export const OFFERS_AES: u32 = 256;
export const OFFERS_CHACHA: u32 = 512;
export const OFFERS_X25519: u32 = 1024;
export const OFFERS_P256: u32 = 2048;
/** OUR_SCHEME. */
export const OFFERS_SCHEME: u32 = 4096;
export const OFFERS_HTTP_1_1: u32 = 8192;
export const SHARES_X25519: u32 = 16384;
export const SHARES_P256: u32 = 32768;
export const SHARES_OTHER: u32 = 65536;
/** legacy_compression_methods is not what TLS 1.3 demands. */
export const COMPRESSES: u32 = 131072;
/** psk_dhe_ke (section 4.2.9). */
export const OFFERS_PSK_DHE: u32 = 262144;
// For TLS 1.2.
/** supported_versions was there: legacy_version means nothing. */
export const HAS_VERSIONS: u32 = 1 << 19;
export const OFFERS_TLS_1_2: u32 = 1 << 20;
export const OFFERS_AES_1_2: u32 = 1 << 21;
export const OFFERS_CHACHA_1_2: u32 = 1 << 22;
/** renegotiation_info, or the suite that stands for it (RFC 5746). */
export const OFFERS_RENEGOTIATION_INFO: u32 = 1 << 23;
/** TLS_FALLBACK_SCSV (RFC 7507): an earlier attempt with a later version has failed. */
export const FALLS_BACK: u32 = 1 << 24;
export const OFFERS_EXTENDED_MASTER: u32 = 1 << 25;
export const HAS_FORMATS: u32 = 1 << 26;
export const OFFERS_UNCOMPRESSED: u32 = 1 << 27;
/** The compression method null is among those offered. */
export const OFFERS_NULL: u32 = 1 << 28;
/** session_ticket (RFC 5077), with or without a ticket. */
export const OFFERS_TICKET: u32 = 1 << 29;
/** RSA_PKCS1_SHA256, noted by a card with an RSA key. */
export const OFFERS_PKCS1: u32 = 1 << 30;

export const HTTP_1_1: usize = memory.data<u8>([0x68, 0x74, 0x74, 0x70, 0x2f, 0x31, 0x2e, 0x31]); // "http/1.1"
export const HTTP_1_1_BYTES: u32 = 8;

// Fields, each with the number of its bytes where expect() names it: those of client-hello.ts, those of
// client-hello-extensions.ts, and the end.
export const TYPE: u32 = 0;
export const LENGTH: u32 = 1;
export const VERSION: u32 = 2;
export const RANDOM: u32 = 3;
export const SESSION_LENGTH: u32 = 4;
export const SESSION: u32 = 5;
export const SUITES_LENGTH: u32 = 6;
export const SUITE: u32 = 7;
export const COMPRESSION_LENGTH: u32 = 8;
export const COMPRESSION: u32 = 9;
export const EXTENSIONS_LENGTH: u32 = 10;
export const EXTENSION_TYPE: u32 = 11;
export const EXTENSION_LENGTH: u32 = 12;
export const SKIPPED: u32 = 13;
export const LIMIT: u32 = 14;
export const LIST_LENGTH: u32 = 15;
export const ITEM: u32 = 16;
export const SHARE_GROUP: u32 = 17;
export const SHARE_LENGTH: u32 = 18;
export const SHARE: u32 = 19;
export const NAME_LENGTH: u32 = 20;
export const NAME: u32 = 21;
export const IDENTITIES_LENGTH: u32 = 22;
export const IDENTITY_LENGTH: u32 = 23;
export const IDENTITY: u32 = 24;
export const BINDERS_LENGTH: u32 = 25;
export const BINDER_LENGTH: u32 = 26;
export const BINDER: u32 = 27;
export const RENEGOTIATION: u32 = 28;
export const DONE: u32 = 29;

@final
@unmanaged
export class Hello {
  private types0: u64;
  private types1: u64;
  private types2: u64;
  private types3: u64;
  private types4: u64;
  private types5: u64;
  private types6: u64;
  private types7: u64;
  private share0: u64;
  private share1: u64;
  private share2: u64;
  private share3: u64;
  private share4: u64;
  private share5: u64;
  private share6: u64;
  private share7: u64;
  private share8: u8;
  field: u8;
  typeCount: u8;
  extension: u16;
  group: u16;
  /** Where the current field's bytes are stored, 0: nowhere. */
  sink: u16;
  need: u16;
  /** The record size limit offered, 0: none. */
  recordLimit: u16;
  /** PSK identities and binders counted. */
  identities: u16;
  binders: u16;
  value: u32;
  left: u32;
  extensionEnd: u32;
  listEnd: u32;
  private name0: u64;
  /** What has been found: HAS_..., OFFERS_..., SHARES_... */
  found: u32;
  /** Which of the PSK identities looks like a ticket of ours. From 1 on; 0: none. */
  ticket: u16;
  sessionLength: u16;
  private session0: u64;
  private session1: u64;
  private session2: u64;
  private session3: u64;
  private sessionTicket0: u64;

  static of(ctx: Context): Hello {
    return changetype<Hello>(ctx.buffer + HELLO);
  }
  /** Whose it is. */
  get context(): Context {
    return changetype<Context>(changetype<usize>(this) - HELLO - TLS_CONTEXT_BYTES);
  }
  has(finding: u32): bool {
    return (this.found & finding) == finding;
  }
  get types(): usize {
    return changetype<usize>(this);
  }
  /** The client's key share, POINT_BYTES at most. */
  get share(): usize {
    return changetype<usize>(this) + offsetof<Hello>("share0");
  }
  get name(): usize {
    return changetype<usize>(this) + offsetof<Hello>("name0");
  }
  get session(): usize {
    return changetype<usize>(this) + offsetof<Hello>("session0");
  }
  /** The ticket of TLS 1.2, SESSION_ID_BYTES; zeros without one that may be ours. */
  get sessionTicket(): usize {
    return changetype<usize>(this) + offsetof<Hello>("sessionTicket0");
  }
}

const HELLO: usize = TLS_BUFFER - offsetof<Hello>();
/** Bytes at the buffer's front that ServerHello may overwrite: then only PSK and session ID are still needed. */
export const ANSWER_ROOM: usize = HELLO + offsetof<Hello>("ticket");
/** Bytes at the buffer's front that may be overwritten while the share is still needed. */
export const SHARE_ROOM: usize = HELLO + offsetof<Hello>("share0");
/** Bytes at the buffer's front that begin() leaves as they are: HelloRetryRequest may still be outstanding. */
export const RETRY_ROOM: usize = HELLO + offsetof<Hello>("field");

/** The next field has `bytes` bytes, and they must be there before `end`. */
export function expect(hello: Hello, field: u32, bytes: u32, end: u32 = 0): u32 {
  if (hello.left < end + bytes) return alert.DECODE_ERROR;
  hello.field = u8(field);
  hello.need = u16(bytes);
  return 0;
}
