// What is kept of a ClientHello while it streams in, in either format: at the end of the buffer.
import * as alert from "../alert.ts";
import { Context } from "./context.ts";
import { SESSION_ID_BYTES } from "../key-schedule-1-2.ts";

export const TLS_1_0: u32 = 0x0301;
export const RSA_WITH_DES_CBC_SHA: u32 = 0x0009;
export const RSA_WITH_AES_128_CBC_SHA: u32 = 0x002f;
export const EMPTY_RENEGOTIATION_INFO_SCSV: u32 = 0x00ff;

// Findings.
export const OFFERS_DES: u32 = 1;
export const OFFERS_AES: u32 = 2;
/** renegotiation_info, or the suite that stands for it (RFC 5746). */
export const OFFERS_RENEGOTIATION_INFO: u32 = 4;
/** The compression method null. */
export const OFFERS_NULL: u32 = 8;
/** Of ours: it has the length of our session IDs. */
export const HAS_SESSION: u32 = 16;

/** The field in which every message ends. */
export const DONE: u32 = 255;

@final
@unmanaged
export class Hello {
  /** The field that is being read, and the bytes that it lacks. */
  field: u8;
  found: u8;
  need: u16;
  /** Where its bytes are stored, 0: nowhere. */
  sink: u16;
  /** Of the SSL 2.0 format: bytes of session ID and challenge. */
  sessionLength: u16;
  challengeLength: u16;
  value: u32;
  /** Bytes of the message that are to come, and how many will when the current list ends. */
  left: u32;
  listEnd: u32;
  private session0: u64;

  static of(ctx: Context): Hello {
    return changetype<Hello>(ctx.buffer + TLS_BUFFER - HELLO_BYTES);
  }
  has(finding: u32): bool {
    return (this.found & u8(finding)) != 0;
  }
  find(finding: u32): void {
    this.found |= u8(finding);
  }
  get session(): usize {
    return changetype<usize>(this) + offsetof<Hello>("session0");
  }
}

const HELLO_BYTES: usize = (offsetof<Hello>() + 7) & ~7;

/** Expects a message. */
export function begin(ctx: Context): void {
  if (SESSION_ID_BYTES != 8) ERROR("a session ID does not fit its place");
  memory.fill(changetype<usize>(Hello.of(ctx)), 0, HELLO_BYTES);
}

/** The next field has `bytes` bytes, and they must be there. */
export function expect(hello: Hello, field: u32, bytes: u32): u32 {
  if (hello.left < bytes) return alert.DECODE_ERROR;
  hello.field = u8(field);
  hello.need = u16(bytes);
  return 0;
}

/** Takes a byte of a field. @returns true when it was the last one: `value` is that of the field's last four bytes */
export function collect(hello: Hello, byte: u32): bool {
  hello.value = (hello.value << 8) | byte;
  if (hello.sink) store<u8>(hello.sink++, u8(byte));
  return --hello.need == 0;
}

export function noteSuite(hello: Hello, suite: u32): void {
  if (suite == RSA_WITH_DES_CBC_SHA) hello.find(OFFERS_DES);
  if (suite == RSA_WITH_AES_128_CBC_SHA) hello.find(OFFERS_AES);
  if (suite == EMPTY_RENEGOTIATION_INFO_SCSV) hello.find(OFFERS_RENEGOTIATION_INFO);
}
