// What host and reader get to see: every character that crosses the contacts, either way, while a page is fetched.
import { expect, test } from "vitest";
import { PRIVATE_KEY_RANGE } from "../support/secrets.ts";
import { SITE, WholeCard, personality } from "../support/whole-card.ts";

const COOKIE = "session=0123456789abcdef0123456789abcdef";
const WINDOW = 8;
/** How Node names its cipher suites in ClientHello, which is in the clear. */
const SUITES = Buffer.from("130213031301", "hex");

test("of request, page and private key nothing crosses the contacts, of the ClientHello all", async () => {
  const issued = await personality();
  const card = await WholeCard.openVirtual(issued);
  const seen: number[] = [];
  const { contacts } = card;
  const write = contacts.write.bind(contacts);
  const { onCharacter } = contacts;
  contacts.write = (byte) => (seen.push(byte), write(byte));
  contacts.onCharacter = (byte) => (seen.push(byte), onCharacter(byte));
  await card.expectPage("/page", { headers: { cookie: COOKIE } });
  await card.expectAllFree();
  await card.close();
  const characters = Buffer.from(seen);
  const unescaped = Buffer.from(seen.flatMap(unescape));
  const isSeen = (bytes: Buffer) => characters.includes(bytes) || unescaped.includes(bytes);
  const page = Buffer.from(SITE.get("/page")!.content);
  const privateKey = Buffer.from(issued.cells.slice(PRIVATE_KEY_RANGE.from, PRIVATE_KEY_RANGE.to));
  expect(seen.length).toBeGreaterThan(page.length);
  expect(isSeen(SUITES), "the ClientHello").toBe(true);
  for (const secret of [Buffer.from(`GET /page ${COOKIE}`), page, privateKey])
    expect(windows(secret).filter(isSeen)).toEqual([]);
});

/** The octet-stuffing of AHDLC taken out (RFC 1662 section 4.2), wherever it may be. */
function unescape(byte: number, i: number, all: number[]): number[] {
  if (byte === 0x7d) return [];
  return [all[i - 1] === 0x7d ? byte ^ 0x20 : byte];
}

/** Every run of WINDOW bytes. */
function windows(bytes: Buffer): Buffer[] {
  return Array.from({ length: bytes.length - WINDOW + 1 }, (_, i) => bytes.subarray(i, i + WINDOW));
}
