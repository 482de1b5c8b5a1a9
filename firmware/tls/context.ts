// What a connection remembers: TLS_CONTEXT_BYTES, and TLS_BUFFER bytes behind them for the records that it sends. What
// it receives stays where it arrived, in pbufs. Three overlays by lifetime (seed [212]) keep it that small:
//
//            until the server's Finished           then
//   A        the peer's handshake traffic secret   its expected verify_data, then alerts and KeyUpdates to send
//   B        our handshake traffic secret          our application traffic secret
//   C        handshake secret, master secret       the peer's application traffic secret
//   ROLLING  transcript (one SHA-256 state)        the record being received: AEAD state, tag, bytes held back
//   buffer   ClientHello's parser and findings,    records to be sent
//            then the flight
//
// In TLS 1.2 the private key lives in A, the randoms in B and C; then the verify_data of both sides in A, the master secret
// from B on, and at the end of C the additional data of a record.
//
// The ephemeral private key lives in A and the ECDHE secret in B until the key schedule overwrites them. Before them, what
// resumption takes: the hash that the binder signs in A, the binder in B, the ticket where the keys will be, its PSK in C;
// the PSK of the next ticket where the transcript was, until it has been sent.
import { TLS, TLS_CONTEXT_BYTES } from "../chip/ram-map.ts";
import * as aead from "../crypto/aead.ts";
import * as sha256 from "../crypto/sha256.ts";
import { Incoming } from "./incoming.ts";

// States, named by what they expect or send; handshake.ts has their table.
export const IDLE: u32 = 0;
export const EXPECT_CLIENT_HELLO: u32 = 1;
export const SEND_HELLO_RETRY: u32 = 2;
export const EXPECT_SECOND_HELLO: u32 = 3;
export const SEND_SERVER_HELLO: u32 = 4;
export const SEND_ENCRYPTED_EXTENSIONS: u32 = 5;
export const SEND_CERTIFICATE: u32 = 6;
export const SEND_CERTIFICATE_VERIFY: u32 = 7;
export const SEND_FINISHED: u32 = 8;
export const SEND_TICKET: u32 = 9;
export const EXPECT_FINISHED: u32 = 10;
export const CONNECTED: u32 = 11;
export const FAILED: u32 = 12;
// Of TLS 1.2 alone; handshake-1-2.ts has their table.
export const SEND_SERVER_HELLO_1_2: u32 = 13;
export const SEND_KEY_EXCHANGE: u32 = 14;
export const EXPECT_KEY_EXCHANGE: u32 = 15;
export const EXPECT_CIPHER_CHANGE: u32 = 16;
export const EXPECT_FINISHED_1_2: u32 = 17;
export const SEND_FINISHED_1_2: u32 = 18;
/** Between ClientHello and ServerHello of TLS 1.3. */
export const CHOOSE_SESSION: u32 = 19;
// Of the client alone; client/handshake.ts has their table.
export const SEND_CLIENT_HELLO: u32 = 20;
export const EXPECT_SERVER_HELLO: u32 = 21;
export const AGREE: u32 = 22;
export const EXPECT_ENCRYPTED_EXTENSIONS: u32 = 23;
export const EXPECT_CERTIFICATE: u32 = 24;
export const EXPECT_CERTIFICATE_VERIFY: u32 = 25;
export const EXPECT_SERVER_FINISHED: u32 = 26;
export const SEND_CLIENT_FINISHED: u32 = 27;
/** The type has been read. */
export const EXPECT_CERTIFICATE_REQUEST: u32 = 28;
export const EXPECT_SERVER_KEY_EXCHANGE: u32 = 29;
export const EXPECT_SERVER_HELLO_DONE: u32 = 30;
export const SEND_CLIENT_KEY_EXCHANGE: u32 = 31;
// Of a card with an RSA key alone: its signature, and in TLS 1.2 what comes behind it.
export const SEND_SIGNATURE: u32 = 32;
export const SEND_HELLO_DONE: u32 = 33;
/** There is a signature. */
export const SEND_SIGNED: u32 = 34;

// Flags.
/** Records that we send are encrypted. */
export const WRITE_PROTECTED: u32 = 1;
/** Records of type application_data are decrypted. */
export const READ_PROTECTED: u32 = 2;
/** The client sends early data, which we refuse: skip it. */
export const EARLY_DATA: u32 = 4;
/** ChangeCipherSpec has been sent (RFC 8446 appendix D.4). */
export const COMPATIBLE: u32 = 8;
/** EncryptedExtensions has to name http/1.1. */
export const ANSWER_ALPN: u32 = 16;
/** EncryptedExtensions has to name our record size limit, which the client then obeys. */
export const ANSWER_LIMIT: u32 = 32;
/** A KeyUpdate must be sent before further data. */
export const KEY_UPDATE_DUE: u32 = 64;
/** close_notify has arrived. */
export const PEER_CLOSED: u32 = 128;
/** Bytes of the current record have been released before its tag was seen. */
export const STREAMED: u32 = 256;
/** A record is collected in NVM, or given out from there: TLS_RECV_SAFE. */
export const IN_NVM: u32 = 512;
/** `alert` waits until the socket can take it. */
export const ALERT_DUE: u32 = 1024;

/** The client can use a ticket. */
export const WANTS_TICKET: u32 = 2048;
/** The session is an earlier one's: neither certificate nor signature is sent. */
export const RESUMED: u32 = 4096;
/** The version is TLS 1.2. */
export const TLS_1_2: u32 = 8192;
/** Its master secret depends on all messages (RFC 7627). */
export const EXTENDED_MASTER: u32 = 16384;
/** We are the client. */
export const CLIENT: u32 = 32768;
/** The transcript is in the buffer: a client's goes on while records are received. */
export const RECEIVES_HANDSHAKE: u32 = 65536;
/** The server has asked for another ClientHello. */
export const RETRIED: u32 = 131072;
/** The record of number writeSeq - 1 has been begun, and its end has not been sent: nothing else may be. */
export const RECORD_OPEN: u32 = 262144;
/** An RSA signature is made by PKCS #1 v1.5: a client of TLS 1.2 does not offer PSS. */
export const SIGNS_PKCS1: u32 = 524288;
/** The server has asked for a certificate of ours. */
export const CERTIFICATE_REQUESTED: u32 = 1048576;
/** TLS 1.2: the suite wants an RSA key of the server, not an ECDSA one. */
export const RSA_SUITE: u32 = 2097152;
/** TLS 1.2: the peer wants to renegotiate, and must be told that we don't. */
export const REFUSAL_DUE: u32 = 4194304;

/** From this bit on: the number of the session in NVM, of TLS 1.2; 0: none. */
const SESSION_SHIFT: u32 = 24;

export const SECRET_BYTES: u32 = 32;
/** Bytes held back at a record's end, because they may be its type: all of a KeyUpdate and the type. */
export const HOLD_BYTES: u32 = 6;
const KEY_BYTES: u32 = 32;
export const KEYS_BYTES: u32 = KEY_BYTES + aead.NONCE_BYTES;

@final
@unmanaged
export class Context extends Incoming {
  /** Sequence numbers, which never wrap: key-update.ts and record-in.ts see to that. */
  writeSeq: u32;
  readSeq: u32;
  flags: u32;
  /** Number of the record that `sealing` is about. */
  sealingSeq: u32;
  /** Of a stream (stream.ts): position in TCP of the piece that is made next. */
  pieceAt: u32;
  /** The result that every call gives once the connection has failed; negative. */
  error: i32;
  /** Decrypted bytes at the packet's front, not yet released. */
  chunk: u16;
  /** Bytes of the current record, without its tag, that have not been looked at. */
  left: u16;
  /** Zeros that follow what is held back: padding, or content. */
  zeros: u16;
  /** TLS_RECV_SAFE: bytes collected, bytes given to the caller. */
  stored: u16;
  given: u16;
  /** Longest content of a record that the peer accepts, bytes. */
  limit: u16;
  /** Of a stream: bytes of content of that record, of that piece; 0: none has been chosen. */
  recordLength: u16;
  pieceBytes: u16;
  /** Early data skipped, bytes. */
  skipped: u16;
  /** Bytes of finished records in the buffer; bytes of plaintext in the record that is open behind them. */
  sealed: u16;
  open: u16;
  /** Certificate: offset in the file, bytes of the current entry still to be sent. */
  offset: u16;
  entryLeft: u16;
  state: u8;
  /** Low bytes of the cipher suite and of the group. */
  private suiteLow: u8;
  group: u8;
  /** An alert waiting to be sent, or what will be wrong if the record being received is authentic. */
  alert: u8;
  /** Bytes seen of the handshake message that is being received after the ClientHello; its difference from what it must be. */
  position: u8;
  difference: u8;
  /** Records in a row that brought nothing. */
  idle: u8;
  file: u8;
  /** Type of the current record: the outer one, after its end the inner one. */
  recordType: u8;
  tagFill: u8;
  holdLength: u8;
  private header0: u8;
  private header1: u8;
  private header2: u8;
  private header3: u8;
  private header4: u8;

  /** Of the stream being sent (stream.ts), where the flight was: its position in TCP's stream, its first record's number. */
  get streamAt(): u32 {
    return load<u32>(changetype<usize>(this), offsetof<Context>("sealed"));
  }
  set streamAt(position: u32) {
    store<u32>(changetype<usize>(this), position, offsetof<Context>("sealed"));
  }
  get streamSeq(): u32 {
    return load<u32>(changetype<usize>(this), offsetof<Context>("offset"));
  }
  set streamSeq(sequence: u32) {
    store<u32>(changetype<usize>(this), sequence, offsetof<Context>("offset"));
  }
  get suite(): u32 {
    return 0x1300 | u32(this.suiteLow);
  }
  set suite(value: u32) {
    this.suiteLow = u8(value);
  }
  has(flag: u32): bool {
    return (this.flags & flag) != 0;
  }
  /** Is the version TLS 1.2? Never on a card whose profile leaves it out. */
  get isTls12(): bool {
    return u32(TLS12) != 0 && this.has(TLS_1_2);
  }
  /** The session that was resumed or kept (session-cache.ts). It is set once. */
  get session(): u32 {
    return TLS12 ? this.flags >>> SESSION_SHIFT : 0;
  }
  set session(number: u32) {
    this.flags |= number << SESSION_SHIFT;
  }
  get header(): usize {
    return changetype<usize>(this) + HEADER;
  }
  get secretA(): usize {
    return changetype<usize>(this) + SECRETS;
  }
  get secretB(): usize {
    return changetype<usize>(this) + SECRETS + SECRET_BYTES;
  }
  get secretC(): usize {
    return changetype<usize>(this) + SECRETS + 2 * SECRET_BYTES;
  }
  /** Where a record's additional data is made in TLS 1.2, 13 bytes. */
  get additional(): usize {
    return changetype<usize>(this) + SECRETS + 3 * SECRET_BYTES - 16;
  }
  get writeKey(): usize {
    return changetype<usize>(this) + WRITE_KEYS;
  }
  get readKey(): usize {
    return changetype<usize>(this) + READ_KEYS;
  }
  get sealing(): usize {
    return changetype<usize>(this) + SEALING;
  }
  get transcript(): usize {
    return u32(TLS_CLIENT) != 0 && this.has(RECEIVES_HANDSHAKE)
      ? this.buffer
      : changetype<usize>(this) + ROLLING;
  }
  /** Is it the server who is on the other side? Never on a card whose profile leaves the client out. */
  get isClient(): bool {
    return u32(TLS_CLIENT) != 0 && this.has(CLIENT);
  }
  get opening(): usize {
    return changetype<usize>(this) + ROLLING;
  }
  get tag(): usize {
    return changetype<usize>(this) + ROLLING + aead.AEAD_STATE_BYTES;
  }
  get hold(): usize {
    return changetype<usize>(this) + ROLLING + aead.AEAD_STATE_BYTES + aead.TAG_BYTES;
  }
  get buffer(): usize {
    return changetype<usize>(this) + TLS_CONTEXT_BYTES;
  }
}

const HEADER: usize = offsetof<Context>("header0");
const SECRETS: usize = (offsetof<Context>() + 3) & ~3;
const WRITE_KEYS: usize = SECRETS + 3 * SECRET_BYTES;
const READ_KEYS: usize = WRITE_KEYS + KEYS_BYTES;
const SEALING: usize = READ_KEYS + KEYS_BYTES;
const ROLLING: usize = SEALING + aead.AEAD_STATE_BYTES;
const RECEIVING_BYTES: u32 = aead.AEAD_STATE_BYTES + aead.TAG_BYTES + HOLD_BYTES;

/** From where on the first context holds what may be taken out of RAM for a while: no secrets, no keys. */
export const LENDABLE: usize = TLS + SEALING;

/** From a key to its IV. */
export const IV: usize = KEY_BYTES;

/** @throws at compile time when the context does not fit */
export function check(): void {
  if (ROLLING + sha256.STATE_BYTES > TLS_CONTEXT_BYTES) ERROR("a TLS context does not fit TLS_CONTEXT_BYTES");
  if (ROLLING + RECEIVING_BYTES > TLS_CONTEXT_BYTES) ERROR("a TLS context does not fit TLS_CONTEXT_BYTES");
}

/** @returns context number `index`, below TLS_CONTEXTS */
export function at(index: u32): Context {
  return changetype<Context>(TLS + index * (TLS_CONTEXT_BYTES + TLS_BUFFER));
}
