// The bytes of TLS: records, messages, hellos and extensions, written and read (RFC 8446 section 4, RFC 5246 section 7.4).

export const AES = 0x1301;
export const CHACHA = 0x1303;
export const AES_1_2 = 0xc02b;
export const CHACHA_1_2 = 0xcca9;
export const RSA_AES_1_2 = 0xc02f;
export const RSA_CHACHA_1_2 = 0xcca8;

export const X25519 = 29;
export const P256 = 23;

export const RECORD = { changeCipherSpec: 20, alert: 21, handshake: 22, data: 23 };
export const MESSAGE = {
  clientHello: 1,
  serverHello: 2,
  newSessionTicket: 4,
  serverKeyExchange: 12,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
  keyUpdate: 24,
};
export const EXTENSION = {
  groups: 10,
  pointFormats: 11,
  algorithms: 13,
  alpn: 16,
  extendedMaster: 23,
  recordSizeLimit: 28,
  sessionTicket: 35,
  preSharedKey: 41,
  earlyData: 42,
  versions: 43,
  pskModes: 45,
  keyShare: 51,
  renegotiation: 0xff01,
};

export const u8 = (...values: number[]) => Buffer.from(values);
export const u16 = (...values: number[]) => Buffer.concat(values.map((v) => u8(v >> 8, v & 255)));
export const u24 = (value: number) => u8(value >> 16, (value >> 8) & 255, value & 255);
export const vector8 = (body: Buffer) => Buffer.concat([u8(body.length), body]);
export const vector16 = (body: Buffer) => Buffer.concat([u16(body.length), body]);
export const message = (type: number, body: Buffer) => Buffer.concat([u8(type), u24(body.length), body]);
export const record = (type: number, body: Buffer, version = 0x0303) =>
  Buffer.concat([u8(type), u16(version, body.length), body]);

// Signature schemes (RFC 8446 section 4.2.3).
export const ECDSA = 0x0403;
export const RSA_PSS = 0x0804;
export const RSA_PKCS1 = 0x0401;

export type Extension = [type: number, body: Buffer];

export interface Hello {
  version: number;
  random: Buffer;
  session: Buffer;
  suites: number[];
  compression: Buffer;
  extensions: Extension[] | null;
}

export const share = (group: number, key: Buffer) => Buffer.concat([u16(group), vector16(key)]);

export const extension = {
  versions: (...versions: number[]): Extension => [EXTENSION.versions, vector8(u16(...versions))],
  groups: (...groups: number[]): Extension => [EXTENSION.groups, vector16(u16(...groups))],
  algorithms: (...algorithms: number[]): Extension => [EXTENSION.algorithms, vector16(u16(...algorithms))],
  shares: (...shares: Buffer[]): Extension => [EXTENSION.keyShare, vector16(Buffer.concat(shares))],
  alpn: (...names: string[]): Extension => [
    EXTENSION.alpn,
    vector16(Buffer.concat(names.map((name) => vector8(Buffer.from(name))))),
  ],
  recordSizeLimit: (limit: number): Extension => [EXTENSION.recordSizeLimit, u16(limit)],
};

/** pre_shared_key with these identities of age `age`, and as many binders of zeros. */
export function pskOf(identities: Buffer[], age = 0, binders = identities.length): Extension {
  const list = identities.map((identity) =>
    Buffer.concat([vector16(identity), u16(age >>> 16, age & 0xffff)]),
  );
  const codes = Buffer.alloc(33 * binders, vector8(Buffer.alloc(32)));
  return [EXTENSION.preSharedKey, Buffer.concat([vector16(Buffer.concat(list)), vector16(codes)])];
}

export const extensionList = (list: Extension[]): Buffer =>
  vector16(Buffer.concat(list.map(([type, body]) => Buffer.concat([u16(type), vector16(body)]))));

/** The extensions that a hello ends with, from `at` on, behind the length of the list. */
export function parseExtensions(hello: Buffer, at: number): Map<number, Buffer> {
  const extensions = new Map<number, Buffer>();
  while (at < hello.length) {
    const length = hello.readUInt16BE(at + 2);
    extensions.set(hello.readUInt16BE(at), hello.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return extensions;
}

export function encodeHello(hello: Hello): Buffer {
  const parts = [
    u16(hello.version),
    hello.random,
    vector8(hello.session),
    vector16(u16(...hello.suites)),
    vector8(hello.compression),
  ];
  if (hello.extensions) parts.push(extensionList(hello.extensions));
  return message(MESSAGE.clientHello, Buffer.concat(parts));
}

/** A ServerHello, read. */
export function parseServerHello(hello: Buffer) {
  const end = 39 + hello[38]!;
  return {
    random: hello.subarray(6, 38),
    session: hello.subarray(39, end),
    suite: hello.readUInt16BE(end),
    extensions: parseExtensions(hello, end + 5),
  };
}

/** The first certificate of a message that has its length at `at`. */
export const firstCertificate = (message: Buffer, at: number) =>
  message.subarray(at + 3, at + 3 + message.readUIntBE(at, 3));
