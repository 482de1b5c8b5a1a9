// A TLS 1.3 client that never varies: one key share of a fixed key, TLS_AES_128_GCM_SHA256, and no trust checked. It is
// there to be timed; that the card is right is for the tests to say.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
} from "node:crypto";

const X25519_PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");
const X25519_SPKI = Buffer.from("302a300506032b656e032100", "hex");
const HANDSHAKE = 22;
const DATA = 23;
const SERVER_HELLO = 2;
const FINISHED = 20;
const TAG_BYTES = 16;

const privateKey = createPrivateKey({
  key: Buffer.concat([X25519_PKCS8, Buffer.alloc(32, 5)]),
  format: "der",
  type: "pkcs8",
});
const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "der" }).subarray(-32);

const u8 = (...values: number[]) => Buffer.from(values);
const u16 = (value: number) => u8(value >> 8, value & 255);
const vector8 = (body: Buffer) => Buffer.concat([u8(body.length), body]);
const vector16 = (body: Buffer) => Buffer.concat([u16(body.length), body]);
const message = (type: number, body: Buffer) => Buffer.concat([u8(type, 0), vector16(body)]);
const sha256 = (...data: Buffer[]) => createHash("sha256").update(Buffer.concat(data)).digest();
const hmac = (key: Buffer, data: Buffer) => createHmac("sha256", key).update(data).digest();

function expandLabel(secret: Buffer, label: string, context: Buffer, length: number): Buffer {
  const info = Buffer.concat([u16(length), vector8(Buffer.from(`tls13 ${label}`)), vector8(context)]);
  return hmac(secret, Buffer.concat([info, u8(1)])).subarray(0, length);
}

/** One direction's keys. */
class Protection {
  readonly #key: Buffer;
  readonly #iv: Buffer;
  #sequence = 0;

  constructor(readonly secret: Buffer) {
    this.#key = expandLabel(secret, "key", u8(), 16);
    this.#iv = expandLabel(secret, "iv", u8(), 12);
  }

  seal(type: number, content: Buffer): Buffer {
    const header = Buffer.concat([u8(DATA, 3, 3), u16(content.length + 1 + TAG_BYTES)]);
    const cipher = createCipheriv("aes-128-gcm", this.#key, this.#nonce());
    cipher.setAAD(header);
    return Buffer.concat([
      header,
      cipher.update(content),
      cipher.update(u8(type)),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
  }

  /** @throws Error when it is not authentic */
  open(header: Buffer, body: Buffer): { type: number; content: Buffer } {
    const decipher = createDecipheriv("aes-128-gcm", this.#key, this.#nonce());
    decipher.setAAD(header);
    decipher.setAuthTag(body.subarray(-TAG_BYTES));
    const inner = Buffer.concat([decipher.update(body.subarray(0, -TAG_BYTES)), decipher.final()]);
    return { type: inner.at(-1)!, content: inner.subarray(0, -1) };
  }

  #nonce(): Buffer {
    const nonce = Buffer.from(this.#iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.#sequence++) >>> 0, 8);
    return nonce;
  }
}

export interface TlsClientOptions {
  send: (bytes: Uint8Array) => void;
  /** The handshake is done. */
  onSecure: () => void;
  onData: (data: Uint8Array) => void;
}

export class TlsClient {
  readonly #options: TlsClientOptions;
  #wire: Buffer = u8();
  #messages: Buffer = u8();
  #transcript: Buffer = u8();
  #secret: Buffer = u8();
  #read: Protection | undefined;
  #write: Protection | undefined;
  #isSecure = false;

  constructor(options: TlsClientOptions) {
    this.#options = options;
  }

  /** Sends ClientHello. */
  start(): void {
    const share = Buffer.concat([u16(29), vector16(publicKey)]);
    const extensions: [number, Buffer][] = [
      [43, vector8(u16(0x0304))],
      [10, vector16(u16(29))],
      [13, vector16(u16(0x0403))],
      [51, vector16(share)],
    ];
    const hello = message(
      1,
      Buffer.concat([
        u16(0x0303),
        Buffer.alloc(32, 7),
        vector8(Buffer.alloc(32, 9)),
        vector16(u16(0x1301)),
        vector8(u8(0)),
        vector16(Buffer.concat(extensions.map(([type, body]) => Buffer.concat([u16(type), vector16(body)])))),
      ]),
    );
    this.#transcript = hello;
    this.#options.send(Buffer.concat([u8(HANDSHAKE, 3, 1), vector16(hello)]));
  }

  write(data: Uint8Array): void {
    this.#options.send(this.#write!.seal(DATA, Buffer.from(data)));
  }

  /** @throws Error when the server breaks TLS, or sends an alert other than close_notify */
  receive(bytes: Uint8Array): void {
    this.#wire = Buffer.concat([this.#wire, bytes]);
    while (this.#wire.length >= 5 && this.#wire.length >= 5 + this.#wire.readUInt16BE(3)) {
      const end = 5 + this.#wire.readUInt16BE(3);
      const [header, body] = [this.#wire.subarray(0, 5), this.#wire.subarray(5, end)];
      this.#wire = this.#wire.subarray(end);
      const isSealed = header[0] === DATA;
      const { type, content } = isSealed
        ? this.#read!.open(header, body)
        : { type: header[0]!, content: body };
      if (type === DATA) this.#options.onData(content);
      else if (type === HANDSHAKE) this.#handshake(content);
      else if (type === 21 && content[1] !== 0) throw new Error(`alert ${content[1]}`);
    }
  }

  #handshake(content: Buffer): void {
    if (this.#isSecure) return; // a ticket
    this.#messages = Buffer.concat([this.#messages, content]);
    while (this.#messages.length >= 4 && this.#messages.length >= 4 + this.#messages.readUIntBE(1, 3)) {
      const whole = this.#messages.subarray(0, 4 + this.#messages.readUIntBE(1, 3));
      this.#messages = this.#messages.subarray(whole.length);
      this.#transcript = Buffer.concat([this.#transcript, whole]);
      if (whole[0] === SERVER_HELLO) this.#installHandshake(whole);
      else if (whole[0] === FINISHED) this.#finish();
    }
  }

  /** The server's key share stands somewhere among two extensions. */
  #installHandshake(hello: Buffer): void {
    const at = hello.indexOf(Buffer.concat([u16(51), u16(36), u16(29), u16(32)]));
    const key = Buffer.concat([X25519_SPKI, hello.subarray(at + 8, at + 40)]);
    const shared = diffieHellman({
      privateKey,
      publicKey: createPublicKey({ key, format: "der", type: "spki" }),
    });
    const early = hmac(Buffer.alloc(32), Buffer.alloc(32));
    this.#secret = hmac(expandLabel(early, "derived", sha256(), 32), shared);
    const hash = sha256(this.#transcript);
    this.#read = new Protection(expandLabel(this.#secret, "s hs traffic", hash, 32));
    this.#write = new Protection(expandLabel(this.#secret, "c hs traffic", hash, 32));
  }

  #finish(): void {
    const master = hmac(expandLabel(this.#secret, "derived", sha256(), 32), Buffer.alloc(32));
    const hash = sha256(this.#transcript);
    const code = hmac(expandLabel(this.#write!.secret, "finished", u8(), 32), hash);
    this.#options.send(this.#write!.seal(HANDSHAKE, message(FINISHED, code)));
    this.#read = new Protection(expandLabel(master, "s ap traffic", hash, 32));
    this.#write = new Protection(expandLabel(master, "c ap traffic", hash, 32));
    this.#isSecure = true;
    this.#options.onSecure();
  }
}
