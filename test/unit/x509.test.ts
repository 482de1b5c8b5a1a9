// Which certificates a client card trusts, and what it says of the others (RFC 5280, RFC 9525).
import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type CertificateOptions,
  type Identity,
  type KeyKind,
  keyPair,
  makeCertificate,
  x509,
} from "../support/certificates.ts";
import { cuts } from "../support/cuts.ts";
import { ALERTS, type Trust, X509Card, loadX509 } from "../support/x509-card.ts";

let module: WebAssembly.Module;
let root: Identity;
let middle: Identity;
let leaf: Identity;
const HOST = "www.example.com";

beforeAll(async () => {
  module = await loadX509();
  root = await makeCertificate({ name: "root", ca: true, notAfter: "9999-12-31T23:59:59Z" });
  middle = await makeCertificate({ name: "middle", ca: true, issuer: root, keys: await keyPair("p256", 1) });
  leaf = await leafOf({ issuer: middle });
});

const leafOf = async (options: Partial<CertificateOptions> = {}) =>
  makeCertificate({ name: "leaf", names: [HOST], issuer: root, keys: await keyPair("p256", 2), ...options });
const judge = (chain: Identity[], trust: Trust = { anchors: [root] }) =>
  new X509Card(module, trust).judge(chain.map(({ der }) => der));

describe("trust", () => {
  it.each<KeyKind>(["p256", "rsa", "rsa-pss"])("an anchor with a key of kind %s", async (kind) => {
    const ca = await makeCertificate({ name: `CA ${kind}`, ca: true, kind });
    const certificate = await leafOf({ issuer: ca });
    expect(judge([certificate], { anchors: [ca] })).toBe(0);
    expect(judge([certificate, ca], { anchors: [root, ca] })).toBe(0);
    expect(judge([certificate, ca])).toBe(ALERTS.unknownCa);
    expect(judge([certificate], { anchors: [] })).toBe(ALERTS.unknownCa);
  });

  it("intermediates, cut as the network likes", () => {
    for (const cut of [cuts.bytewise, cuts.random(3), cuts.random(4)]) {
      const card = new X509Card(module, { anchors: [root] });
      expect(card.judge([leaf.der, middle.der], cut)).toBe(0);
      expect(card.judge([leaf.der], cut)).toBe(ALERTS.unknownCa);
      expect(card.judge([leaf.der, middle.der, root.der], cut)).toBe(0);
    }
  });

  it("pins: of the server, of any CA in its chain, of a certificate signed by itself", async () => {
    for (const kind of ["p256", "rsa"] as const) {
      const own = await makeCertificate({ name: "own", names: [HOST], keys: await keyPair(kind, 5), kind });
      expect(judge([own], { pins: [own] })).toBe(0);
      expect(judge([own], { pins: [root] })).toBe(ALERTS.unknownCa);
    }
    expect(judge([leaf, middle], { pins: [leaf] })).toBe(0);
    expect(judge([leaf, middle], { pins: [root, middle] })).toBe(0);
    expect(judge([leaf, middle], { pins: [root] })).toBe(ALERTS.unknownCa);
  });

  it("a signature that is not the anchor's, though its name is", async () => {
    const forger = await makeCertificate({ name: "root", ca: true, keys: await keyPair("p256", 9) });
    const forged = await leafOf({ issuer: forger });
    expect(judge([forged])).toBe(ALERTS.bad);
    expect(judge([forged], { anchors: [root, forger] })).toBe(0);
    const link = await makeCertificate({
      name: "middle",
      ca: true,
      issuer: root,
      keys: await keyPair("p256", 9),
    });
    expect(judge([leaf, link])).toBe(ALERTS.bad);
  });

  it("one bit anywhere", () => {
    const card = new X509Card(module, { anchors: [root] });
    for (let bit = 0; bit < leaf.der.length * 8; bit += 29) {
      const damaged = Buffer.from(leaf.der);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(card.judge([damaged, middle.der]), `bit ${bit}`).not.toBe(0);
    }
  });
});

describe("certificates of CAs", () => {
  const withMiddle = async (options: Partial<CertificateOptions>, number = 1) => {
    const ca = await makeCertificate({
      ...{ name: "middle", ca: true, issuer: root, keys: await keyPair(options.kind ?? "p256", number) },
      ...options,
    });
    return judge([await leafOf({ issuer: ca }), ca]);
  };

  it("no CA", async () => expect(await withMiddle({ ca: false, usage: 0 })).toBe(ALERTS.bad));
  it("not for signing certificates", async () =>
    expect(await withMiddle({ usage: x509.KeyUsageFlags.digitalSignature })).toBe(ALERTS.bad));
  it("no keyUsage", async () => expect(await withMiddle({ usage: 0 })).toBe(0));
  it("for clients only", async () =>
    expect(await withMiddle({ purposes: [x509.ExtendedKeyUsage.clientAuth] })).toBe(ALERTS.bad));
  it("expired", async () => expect(await withMiddle({ notAfter: "2025-12-31" })).toBe(ALERTS.expired));
  it("of another name", async () => {
    const ca = await makeCertificate({ name: "other", ca: true, issuer: root });
    expect(judge([await leafOf({ issuer: ca, issuerName: "middle" }), ca])).toBe(ALERTS.unknownCa);
  });
  it.each<KeyKind>(["p384", "rsa-3072"])("a key of kind %s, which is not known", async (kind) =>
    expect(await withMiddle({ kind })).toBe(ALERTS.unsupported),
  );
  it("name constraints, which are not understood", async () => {
    for (const critical of [true, false]) {
      const extensions = [
        new x509.Extension("2.5.29.30", critical, Buffer.from("30088006" + "3004" + "82026263", "hex")),
      ];
      expect(await withMiddle({ extensions })).toBe(ALERTS.unsupported);
    }
  });

  it("path lengths", async () => {
    const chain = async (
      rootLength: number | undefined,
      firstLength: number | undefined,
      selfIssued = false,
    ) => {
      const top = await makeCertificate({ name: "top", ca: true, pathLength: rootLength });
      const keys = await keyPair("p256", 1);
      const first = await makeCertificate({
        name: selfIssued ? "top" : "first",
        ca: true,
        issuer: top,
        keys,
        pathLength: firstLength,
      });
      const second = await makeCertificate({
        name: "second",
        ca: true,
        issuer: first,
        keys: await keyPair("p256", 2),
      });
      return judge([await leafOf({ issuer: second, keys: await keyPair("p256", 3) }), second, first], {
        anchors: [top],
      });
    };
    expect(await chain(undefined, undefined)).toBe(0);
    expect(await chain(2, 1)).toBe(0);
    expect(await chain(undefined, 0)).toBe(ALERTS.bad);
    expect(await chain(1, undefined)).toBe(ALERTS.unknownCa);
    expect(await chain(1, undefined, true)).toBe(0);
  });

  it("at most four certificates", async () => {
    let issuer = root;
    const chain: Identity[] = [];
    for (let i = 0; i < 4; i++) {
      issuer = await makeCertificate({
        name: `CA ${i}`,
        ca: true,
        issuer,
        keys: await keyPair("p256", 3 + i),
      });
      chain.unshift(issuer);
    }
    expect(judge([await leafOf({ issuer }), ...chain.slice(0, 3)], { anchors: [chain[3]!] })).toBe(0);
    expect(judge([await leafOf({ issuer }), ...chain])).toBe(ALERTS.unknownCa);
  });
});

describe("names", () => {
  it.each([
    [["www.example.com"], "www.example.com", true],
    [["WWW.Example.COM"], "www.example.com", true],
    [["other.org", "www.example.com"], "www.example.com", true],
    [["*.example.com"], "www.example.com", true],
    [["*.Example.com"], "www.example.com", true],
    [["*.example.com"], "example.com", false],
    [["*.example.com"], "a.www.example.com", false],
    [["*.com"], "example.com", false],
    [["*"], "localhost", false],
    [["localhost"], "localhost", true],
    [["w*.example.com"], "www.example.com", false],
    [["www.*.com"], "www.example.com", false],
    [["*www.example.com"], "www.example.com", false],
    [["example.com"], "www.example.com", false],
    [["www.example.com.org"], "www.example.com", false],
    [["ww.example.com"], "www.example.com", false],
    [["www.example.con"], "www.example.com", false],
    [["www.example.com\0"], "www.example.com", false],
    [["10.77.0.1"], "www.example.com", false],
    [[], "www.example.com", false],
    [["10.77.0.1"], "", true],
    [["10.77.0.1", "a.b"], "", true],
    [["10.77.0.2"], "", false],
    [["::1"], "", false],
  ])("%j for %s: %s", async (names, host, good) => {
    const certificate = await leafOf({ names });
    expect(judge([certificate], { anchors: [root], host })).toBe(good ? 0 : ALERTS.unknown);
  });

  it("an address written as a dNSName, the common name, an otherName: nothing", async () => {
    const san = (hex: string) => new x509.Extension("2.5.29.17", false, Buffer.from(hex, "hex"));
    const dns = Buffer.from("10.77.0.1").toString("hex");
    const address = await leafOf({ names: [], extensions: [san(`300b8209${dns}`)] });
    expect(judge([address], { anchors: [root], host: "" })).toBe(ALERTS.unknown);
    expect(judge([await leafOf({ names: [], name: HOST })])).toBe(ALERTS.unknown);
    const other = Buffer.from(HOST);
    const inner = `0603550403a0110c0f${other.toString("hex")}`;
    const nested = await leafOf({ names: [], extensions: [san(`301aa018${inner}`.padEnd(4, "0"))] });
    expect(judge([nested])).toBe(ALERTS.unknown);
  });
});

describe("the server's certificate", () => {
  it("what it is for", async () => {
    const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
    expect(judge([await leafOf({ usage: digitalSignature | keyEncipherment })])).toBe(0);
    expect(judge([await leafOf({ usage: keyEncipherment })])).toBe(ALERTS.unsupported);
    expect(judge([await leafOf({ usage: 0 })])).toBe(0);
    const { serverAuth, clientAuth, codeSigning } = x509.ExtendedKeyUsage;
    expect(judge([await leafOf({ purposes: [clientAuth, serverAuth] })])).toBe(0);
    expect(judge([await leafOf({ purposes: ["2.5.29.37.0"] })])).toBe(0);
    expect(judge([await leafOf({ purposes: [clientAuth, codeSigning] })])).toBe(ALERTS.unsupported);
  });

  it("extensions that are not known: refused when critical", async () => {
    const unknown = (critical: boolean, oid = "1.3.6.1.4.1.99999.1") =>
      leafOf({ extensions: [new x509.Extension(oid, critical, randomBytes(200))] });
    expect(judge([await unknown(false)])).toBe(0);
    expect(judge([await unknown(true)])).toBe(ALERTS.unsupported);
    expect(judge([await unknown(true, "2.5.29.99")])).toBe(ALERTS.unsupported);
    expect(judge([await unknown(true, "2.5.29.36")])).toBe(ALERTS.unsupported);
  });

  it("an extension twice", async () => {
    const san = new x509.SubjectAlternativeNameExtension([{ type: "dns", value: "a.example.com" }]);
    expect(judge([await leafOf({ extensions: [san] })])).toBe(ALERTS.bad);
  });
});

describe("time", () => {
  const at = (time: string | null, notAfter: string) =>
    leafOf({ notAfter }).then((certificate) => judge([certificate], { anchors: [root], time }));

  it.each([
    ["20260101000000", "2026-01-01T00:00:00Z", 0],
    ["20260101000001", "2026-01-01T00:00:00Z", 45],
    ["20260101000000", "2025-12-31T23:59:59Z", 45],
    ["20260101000000", "1999-12-31T23:59:59Z", 45],
    ["19991231235959", "2000-01-01T00:00:00Z", 0],
    ["20491231235959", "2051-01-01T00:00:00Z", 0],
    ["20510101000001", "2051-01-01T00:00:00Z", 45],
    ["20260101000000", "9999-12-31T23:59:59Z", 0],
  ])("at %s, valid to %s: alert %i", async (time, notAfter, alert) =>
    expect(await at(time, notAfter)).toBe(alert),
  );

  it("without a time everything has expired", async () =>
    expect(await at(null, "2040-01-01")).toBe(ALERTS.expired));

  it("younger than what the card knows is the rule", async () =>
    expect(judge([await leafOf({ notBefore: "2030-01-01" })])).toBe(0));

  it("rises, and never falls", async () => {
    const card = new X509Card(module, { anchors: [root], time: "20260101000000" });
    const { der } = await leafOf({ notAfter: "2027-01-01" });
    for (const nonsense of ["20250101000000", "2028-101000000", "nonsense: 14 b"]) card.raiseTime(nonsense);
    expect(card.judge([der])).toBe(0);
    card.raiseTime("20270101000001");
    expect(card.judge([der])).toBe(ALERTS.expired);
    card.raiseTime("20260101000000");
    expect(card.judge([der])).toBe(ALERTS.expired);
  });
});
