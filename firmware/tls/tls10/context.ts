// What a connection in TLS 1.0 remembers: TLS_CONTEXT_BYTES, and TLS_BUFFER bytes behind them, through which all records go
// both ways (seed [212]). Overlays by lifetime keep it small:
//
//            until the keys are derived             then
//   KEYS     the randoms of both sides              MAC key, key and IV of both directions
//   buffer   ClientHello's findings, the flight,    a record being received, or records to be sent
//            the encrypted pre-master secret
//
// During the private-key operation the context is in NVM, and its memory, the buffer's and the scratch memory behind them
// are RSA's (seed [213]-[219]): ../swap.ts.
import { TLS, TLS_CONTEXT_BYTES } from "../../chip/ram-map.ts";
import * as cbc from "../../crypto/cbc.ts";
import { MAC_BYTES } from "../../crypto/mac-then-encrypt.ts";
import { Incoming } from "../incoming.ts";
import * as transcript from "./transcript.ts";

// States, named by what they expect or send; handshake.ts has their table.
export const IDLE: u32 = 0;
export const EXPECT_CLIENT_HELLO: u32 = 1;
export const SEND_SERVER_HELLO: u32 = 2;
export const SEND_CERTIFICATE: u32 = 3;
export const EXPECT_KEY_EXCHANGE: u32 = 4;
export const EXPECT_CIPHER_CHANGE: u32 = 5;
export const EXPECT_FINISHED: u32 = 6;
export const SEND_FINISHED: u32 = 7;
export const CONNECTED: u32 = 8;
export const FAILED: u32 = 9;
export const DECRYPT: u32 = 10;
export const DERIVE_KEYS: u32 = 11;

// Flags.
/** Records that we send are encrypted. */
export const WRITE_PROTECTED: u32 = 1;
/** Records that we receive are. */
export const READ_PROTECTED: u32 = 2;
/** close_notify has arrived. */
export const PEER_CLOSED: u32 = 4;
/** `alert` waits until the socket can take it. */
export const ALERT_DUE: u32 = 8;
/** The session is an earlier one's: neither certificate nor key exchange. */
export const RESUMED: u32 = 16;
/** The record in the buffer is authentic, and has not been given out to its end. */
export const VERIFIED: u32 = 32;
/** The client wants to renegotiate: the answer is due. */
export const REFUSAL_DUE: u32 = 64;

export const RANDOM_BYTES: u32 = 32;
export const MASTER_BYTES: u32 = 48;
export const VERIFY_BYTES: u32 = 12;

@final
@unmanaged
export class Context extends Incoming {
  /** Sequence numbers: no key lives for 2^32 records. */
  writeSeq: u32;
  readSeq: u32;
  /** The result that every call gives once the connection has failed; negative. */
  error: i32;
  /** Bytes of the current record that have not been taken. */
  left: u16;
  /** Of a record that is encrypted: bytes in the buffer, how many of them are decrypted, how many the caller has. */
  stored: u16;
  clear: u16;
  lent: u16;
  /** Bytes of it that are in NVM, and how many of these the caller has had. */
  spilled: u16;
  given: u16;
  /** Bytes of records in the buffer that are to be sent. */
  sealed: u16;
  /** Bytes of the certificate's file that have been sent. */
  offset: u16;
  /** What the ClientHello named. */
  version: u16;
  /** Number of the session in NVM that is resumed or has been kept, from 1 on. */
  session: u16;
  state: u8;
  flags: u8;
  /** cbc.DES or cbc.AES_128. */
  cipher: u8;
  alert: u8;
  /** Bytes seen of the handshake message that is being received; its difference from what it must be. */
  position: u16;
  difference: u8;
  /** Records in a row that brought nothing. */
  idle: u8;
  file: u8;
  recordType: u8;
  private header0: u8;
  private header1: u8;
  private header2: u8;
  private header3: u8;
  private header4: u8;
  private id0: u32;
  private id1: u32;
  private master0: u32;

  has(flag: u32): bool {
    return (this.flags & u8(flag)) != 0;
  }
  get header(): usize {
    return changetype<usize>(this) + offsetof<Context>("header0");
  }
  /** The session's ID. */
  get sessionId(): usize {
    return changetype<usize>(this) + offsetof<Context>("id0");
  }
  get master(): usize {
    return changetype<usize>(this) + MASTER;
  }
  /** What the client's Finished must say, and ours. */
  get theirs(): usize {
    return changetype<usize>(this) + VERIFY;
  }
  get ours(): usize {
    return changetype<usize>(this) + VERIFY + VERIFY_BYTES;
  }
  get clientRandom(): usize {
    return changetype<usize>(this) + KEYS;
  }
  get serverRandom(): usize {
    return changetype<usize>(this) + KEYS + RANDOM_BYTES;
  }
  /** MAC key, key and IV. */
  get readKeys(): usize {
    return changetype<usize>(this) + KEYS;
  }
  get writeKeys(): usize {
    return changetype<usize>(this) + KEYS + DIRECTION_BYTES;
  }
  get transcript(): usize {
    return changetype<usize>(this) + TRANSCRIPT;
  }
  get buffer(): usize {
    return changetype<usize>(this) + TLS_CONTEXT_BYTES;
  }
}

// In the keys of a direction.
export const KEY: usize = MAC_BYTES;
export const IV: usize = KEY + cbc.KEY_MAX;
const DIRECTION_BYTES: usize = IV + cbc.BLOCK_MAX;

const MASTER: usize = offsetof<Context>("master0");
const VERIFY: usize = MASTER + MASTER_BYTES;
const KEYS: usize = VERIFY + 2 * VERIFY_BYTES;
const TRANSCRIPT: usize = KEYS + 2 * DIRECTION_BYTES;
const END: usize = TRANSCRIPT + transcript.STATE_BYTES;

/** Bytes that hold secrets once there are any. */
export const SECRETS_BYTES: u32 = u32(TRANSCRIPT - MASTER);

/** @throws at compile time when the context does not fit */
export function check(): void {
  if (END > usize(TLS_CONTEXT_BYTES)) ERROR("a TLS 1.0 context does not fit TLS_CONTEXT_BYTES");
}

/** @returns context number `index`, below TLS_CONTEXTS */
export function at(index: u32): Context {
  return changetype<Context>(TLS + index * (TLS_CONTEXT_BYTES + TLS_BUFFER));
}
