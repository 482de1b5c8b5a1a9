// Hostile certificates at the client's judgement: mutated, cut, nested, with lengths that lie. Whatever comes, the firmware
// does not trap, writes nowhere but in its regions, and trusts no server whose certificate is not the one that was signed.
import { beforeAll, describe, expect, test } from "vitest";
import { type Identity, keyPair, makeCertificate } from "../support/certificates.ts";
import { generator } from "../support/cuts.ts";
import { cases } from "../support/long.ts";
import { type Random, below, mutate } from "../support/mutate.ts";
import { X509Card, loadX509 } from "../support/x509-card.ts";

let module: WebAssembly.Module;
let chains: Identity[][];
let root: Identity;

beforeAll(async () => {
  module = await loadX509();
  root = await makeCertificate({ name: "root", ca: true });
  const middle = await makeCertificate({
    name: "middle",
    ca: true,
    issuer: root,
    keys: await keyPair("p256", 1),
  });
  const leafOf = async (issuer: Identity) =>
    makeCertificate({
      ...{ name: "leaf", names: ["*.example.com", "10.0.0.1"], issuer, keys: await keyPair("p256", 2) },
      purposes: ["1.3.6.1.5.5.7.3.1"],
    });
  chains = [[await leafOf(root)], [await leafOf(middle), middle]];
});

/** FUZZ_SEED replays a run, FUZZ_CASES its length. */
const SEED = Number(process.env["FUZZ_SEED"] ?? 1);
const CASES = Number(process.env["FUZZ_CASES"] ?? cases(1000, 6000));

/** @returns how often each alert was the answer */
function fuzz(attempt: (random: Random) => Buffer[]): Map<number, number> {
  const card = new X509Card(module, { anchors: [root] });
  const answers = new Map<number, number>();
  for (let i = 0; i < CASES; i++) {
    const random = generator((SEED + i) * 2654435761);
    const name = `FUZZ_SEED=${SEED + i} FUZZ_CASES=1`;
    try {
      const chain = attempt(random);
      const alert = card.judge(chain, (left) => 1 + below(random, left));
      answers.set(alert, (answers.get(alert) ?? 0) + 1);
      const isGenuine = chains.some(([leaf]) => chain[0]?.equals(leaf!.der));
      if (alert === 0 && !isGenuine) throw new Error(`trusted: ${chain[0]!.toString("hex")}`);
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
    }
  }
  return answers;
}

describe("monkeys", () => {
  test("damage chains", () => {
    const answers = fuzz((random) => {
      const chain = chains[below(random, 2)]!.map(({ der }) => der);
      const victim = below(random, chain.length);
      chain[victim] = mutate(chain[victim]!, random);
      return chain;
    });
    expect(answers.size).toBeGreaterThanOrEqual(4);
  });

  test("lie about one length", () => {
    fuzz((random) => {
      const der = Buffer.from(chains[0]![0]!.der);
      const at = headers(der)[below(random, headers(der).length)]!;
      const lies = [0, 1, 0x7f, 0x80, 0x81, 0x82, 0x83, 0x84, 0xff, der[at + 1]! + 1, der[at + 1]! - 1];
      der[at + 1] = lies[below(random, lies.length)]!;
      return [der];
    });
  });

  test("plant trees", () => {
    fuzz((random) => {
      const tree = plant(random, 12);
      // Below a front that is right, so that it is reached.
      const { der } = chains[0]![0]!;
      const at = headers(der)[below(random, headers(der).length)]!;
      return [Buffer.concat([der.subarray(0, at), tree])];
    });
  });
});

/** Where the elements of a DER value begin. */
function headers(der: Buffer, from = 0, to = der.length): number[] {
  const found: number[] = [];
  for (let at = from; at + 2 <= to;) {
    found.push(at);
    const long = der[at + 1]! >= 0x80 ? der[at + 1]! & 3 : 0;
    const body = at + 2 + long;
    const length = long ? der.readUIntBE(at + 2, long) : der[at + 1]!;
    if (der[at]! & 0x20 || der[at] === 0x04) found.push(...headers(der, body, Math.min(body + length, to)));
    at = body + length;
  }
  return found;
}

/** Elements within elements, mostly with lengths that are right. */
function plant(random: Random, depth: number): Buffer {
  const tags = [
    0x30, 0x30, 0x31, 0xa0, 0xa3, 0x04, 0x03, 0x02, 0x06, 0x01, 0x17, 0x18, 0x82, 0x87, 0x1f, 0xff,
  ];
  const tag = tags[below(random, tags.length)]!;
  const body =
    depth > 0 && below(random, 4) > 0
      ? Buffer.concat(
          Array.from({ length: 1 + below(random, 3) }, () => plant(random, depth - 1 - below(random, 4))),
        )
      : Buffer.from(Array.from({ length: below(random, 40) }, () => below(random, 256)));
  const length = below(random, 50) ? body.length : below(random, 70_000);
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), body]);
  if (length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, length), body]);
  return Buffer.concat([Buffer.of(tag, 0x82, (length >> 8) & 255, length & 255), body]);
}
