// `netcard run` when things are not as they should be: each ends in one sentence that says what to do, and the image of the
// card stays as it is. And `netcard run` that is ended, at whatever moment: the next one goes on.
import { type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../../scripts/firmware.mjs";
import { netcard, type RunningCard, startCard, temporaryFolder } from "../support/netcard.ts";

/** In the image, behind its header: firmware/chip/nvm-map.ts. */
const HEADER = 64;
const LIFE_CYCLE = 4;
const KEY_STATE = 112;
const PRIVATE_KEY = 116;
const ENTRY = 256;
const ENTRY_BYTES = 80;
const FILE_DATA = 20480;

const PAGE = "<!doctype html><title>card</title>".padEnd(2000, "x");

let pages: string;
/** The folder of a card that is operational. */
let operational: string;
const running: RunningCard[] = [];

beforeAll(async () => {
  pages = temporaryFolder("pages");
  writeFileSync(join(pages, "index.html"), PAGE);
  operational = temporaryFolder("operational");
  const card = await startCard(["--pages", pages], operational);
  expect(await card.stop()).toBe(0);
});

afterEach(async () => {
  for (const card of running.splice(0)) await card.stop();
});

async function start(data: string, args: string[] = [], env?: Record<string, string>): Promise<RunningCard> {
  const card = await startCard(["--pages", pages, ...args], data, ["run"], env);
  running.push(card);
  return card;
}

function copyOfCard(): string {
  const folder = temporaryFolder("copy");
  cpSync(operational, folder, { recursive: true });
  return folder;
}

const imageOf = (data: string) => join(data, "card.nvm");
const digest = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** Changes the image of a card. */
function damage(data: string, change: (image: Buffer) => Buffer | void): void {
  const image = readFileSync(imageOf(data));
  writeFileSync(imageOf(data), change(image) ?? image);
}

function flip(address: number, bits = 0x01): (image: Buffer) => void {
  return (image) => void (image[HEADER + address]! ^= bits);
}

/** Resolves to what the command said on stderr and its exit code, once it has ended by itself. */
async function end(child: ChildProcess): Promise<{ said: string; code: number | null }> {
  let said = "";
  child.stderr!.on("data", (text) => (said += String(text)));
  const [code] = (await once(child, "close")) as [number | null];
  return { said, code };
}

/** Runs the command on a folder, which must fail, in one line. @returns what it said */
async function failure(data: string, args: string[] = [], env?: Record<string, string>): Promise<string> {
  const { said, code } = await end(netcard(["run", "--port", "0", "--data", data, ...args], env));
  expect(said).toMatch(/^netcard: [^\n]+\.\n$/);
  expect(said).not.toContain("defect");
  expect(code).toBe(1);
  return said;
}

/** @returns the page, over a TLS connection that trusts the card's CA and nothing else */
function load({ url, ca }: RunningCard): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { ca: readFileSync(ca), agent: false }, (response) => {
      let text = "";
      response.on("data", (data) => (text += String(data))).on("end", () => resolve(text));
    });
    request.on("error", reject);
  });
}

describe("a damaged image", () => {
  test.each<[string, (image: Buffer) => Buffer | void]>([
    ["a byte of the certificate", flip(FILE_DATA + 100)],
    ["a byte of a page", flip(FILE_DATA + 1500, 0x80)],
    ["the name of a page", flip(ENTRY + ENTRY_BYTES + 20)],
    ["the state of a directory entry", flip(ENTRY + ENTRY_BYTES, 0x10)],
    ["a byte of the private key", flip(PRIVATE_KEY)],
    ["the state of the key", flip(KEY_STATE, 0x40)],
    ["the magic number", flip(0)],
    ["the life cycle", flip(LIFE_CYCLE, 0x02)],
    ["the image's own header", flip(-HEADER)],
    ["half of it is missing", (image) => image.subarray(0, image.length / 2)],
    ["nothing is left of it", () => Buffer.alloc(0)],
    ["cells that are all zero", (image) => image.fill(0, HEADER)],
    ["garbage", (image) => image.map((_, i) => (i * 167 + (i >> 8) * 13) & 0xff) as Buffer],
    [
      "garbage behind a whole header",
      (image) => image.map((byte, i) => (i < HEADER ? byte : (i * 167 + (i >> 8) * 13) & 0xff)) as Buffer,
    ],
  ])("%s", async (_, change) => {
    const data = copyOfCard();
    damage(data, change);
    const before = digest(imageOf(data));
    expect(await failure(data)).toMatch(/put a copy back, or move it away and a new card will be made\.$/m);
    expect(digest(imageOf(data))).toBe(before);
  });
});

describe("what else may be wrong", () => {
  test("a file where the folder should be", async () => {
    const file = join(temporaryFolder("file"), "data");
    writeFileSync(file, "");
    expect(await failure(file)).toMatch(
      /^netcard: Cannot write in .*: name another folder or allow it there\.$/m,
    );
    expect(readFileSync(file, "utf8")).toBe("");
  });

  test("the certificate is missing, damaged, or of another CA", async () => {
    const data = copyOfCard();
    const file = join(data, "card.der");
    const whole = readFileSync(file);
    const other = await start(temporaryFolder("other"));
    for (const content of [null, "", "rubbish", readFileSync(join(other.ca, "../card.der"))]) {
      if (content === null) rmSync(file);
      else writeFileSync(file, content);
      expect(await failure(data)).toMatch(
        /is missing or not issued by .*: put copies back, or move card\.nvm away/,
      );
    }
    writeFileSync(file, whole);
    expect(await load(await start(data))).toBe(PAGE);
  });

  test("the card and the port are in use", async () => {
    const [data, other] = [copyOfCard(), copyOfCard()];
    const card = await start(data);
    const before = [digest(imageOf(data)), digest(imageOf(other))];
    expect(await failure(data)).toContain(
      `The card is in use by process ${card.process.pid}: end that first`,
    );
    expect(await failure(other, ["--port", String(card.port)])).toContain(
      `Port ${card.port} is in use: stop what listens there, or choose another with --port.`,
    );
    expect([digest(imageOf(data)), digest(imageOf(other))]).toEqual(before);
    expect(await load(card)).toBe(PAGE);
  });

  test("pages that the card cannot have: it stays new", async () => {
    const [data, folder] = [temporaryFolder("data"), temporaryFolder("pages")];
    writeFileSync(join(folder, "status.json"), "");
    expect(await failure(data, ["--pages", folder])).toContain("the card has its own: rename it.");
    rmSync(join(folder, "status.json"));
    mkdirSync(join(folder, "a"));
    writeFileSync(join(folder, "a/large"), Buffer.alloc(262144));
    expect(await failure(data, ["--pages", folder])).toMatch(
      /have 262144 bytes and the card has room for \d+/,
    );
    expect(await load(await start(data))).toBe(PAGE);
  });
});

describe("a serial card", () => {
  test("serves from the NVM that it and a card in a reader have in common", async () => {
    const data = temporaryFolder("serial");
    for (const args of [["--card", "serial"], [], ["--card", "serial"]]) {
      const card = await start(data, args);
      expect(await load(card)).toBe(PAGE);
      expect(await card.stop()).toBe(0);
    }
  });

  test("is not powered when its image is damaged", async () => {
    const data = copyOfCard();
    damage(data, flip(PRIVATE_KEY));
    const before = digest(imageOf(data));
    expect(await failure(data, ["--card", "serial"])).toContain("is damaged");
    expect(digest(imageOf(data))).toBe(before);
  });

  test("has no reader whose line could be slow", async () => {
    expect(await failure(copyOfCard(), ["--card", "serial", "--baud", "9600"])).toContain(
      "use it without --card serial",
    );
  });
});

describe("a disk that is full", () => {
  const preload = pathToFileURL(join(ROOT, "test/support/full-disk.mjs")).href;
  const disk = (bytes: number) => ({ NODE_OPTIONS: `--import=${preload}`, NETCARD_ROOM: String(bytes) });
  const sentence =
    /^netcard: Cannot write .*card\.nvm \(ENOSPC\): make room or repair the disk, and start again\.$/m;

  test.each([0, 1500])("while a new card is made, after %i bytes: the next start goes on", async (bytes) => {
    const data = temporaryFolder("data");
    expect(await failure(data, ["--pages", pages], disk(bytes))).toMatch(sentence);
    expect(await load(await start(data))).toBe(PAGE);
  });

  test("while an operational card boots: the next start works", async () => {
    const data = copyOfCard();
    expect(await failure(data, [], disk(20))).toMatch(sentence);
    expect(await load(await start(data))).toBe(PAGE);
  });
});

describe("an end at any moment", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("%s ends a card in operation with 0", async (signal) => {
    const card = await start(copyOfCard());
    card.process.kill(signal);
    expect(await once(card.process, "exit")).toEqual([0, null]);
  });

  /** Ends a run on a slow line when it says `line`; @returns exit code and signal */
  async function endAt(data: string, line: string, signal: NodeJS.Signals): Promise<unknown[]> {
    const args = ["run", "--port", "0", "--data", data, "--pages", pages, "--baud", "38400"];
    const child = netcard(args);
    const ended = once(child, "exit");
    for await (const said of createInterface({ input: child.stdout! }))
      if (said.startsWith(line) && child.kill(signal)) break;
    return ended;
  }

  test.each([
    ["card: reset", "SIGINT"],
    ["personalisation: writing", "SIGTERM"],
    ["personalisation: writing", "SIGKILL"],
    ["personalisation: closing", "SIGTERM"],
    ["personalisation: closing", "SIGKILL"],
    ["network: PPP", "SIGINT"],
  ] as const)("at “%s” by %s: the next start works", async (line, signal) => {
    const data = temporaryFolder("data");
    expect(await endAt(data, line, signal)).toEqual(signal === "SIGKILL" ? [null, signal] : [0, null]);
    expect(await load(await start(data))).toBe(PAGE);
  });
});
