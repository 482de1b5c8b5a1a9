// Answer to Reset, ISO 7816-3 section 8: TS T0, then interface bytes as announced, historical bytes, and a check byte
// unless T=0 is the only protocol.

export interface Atr {
  bytes: Uint8Array;
  /** TA1, Fi and Di that the card can do; 0x11 unless it says so. */
  ta1: number;
  /** TC2, the work waiting time integer; 10 unless it says so. */
  workWaiting: number;
  /** Protocols offered, the first one first. */
  protocols: number[];
  historical: Uint8Array;
}

const DIRECT_CONVENTION = 0x3b;
const MAX_LENGTH = 33;
const TOO_LONG = `the ATR is longer than ${MAX_LENGTH} characters`;

/**
 * @param bytes what has come so far
 * @returns the ATR once it is complete, null before
 * @throws Error when it can't become one
 */
export function parseAtr(bytes: readonly number[]): Atr | null {
  if (bytes.length === 0) return null;
  if (bytes[0] !== DIRECT_CONVENTION) throw new Error(`the ATR begins with ${hex(bytes[0])}, not 3B`);
  const interfaces = { ta1: 0x11, workWaiting: 10, protocols: [] as number[] };
  let announced = (bytes[1] ?? 0) >> 4;
  const historicalLength = (bytes[1] ?? 0) & 15;
  let at = 2;
  for (let group = 1; announced; group++) {
    const has = (bit: number) => (announced & bit ? at++ : undefined);
    const [ta, , tc, td] = [has(1), has(2), has(4), has(8)];
    if (at > MAX_LENGTH) throw new Error(TOO_LONG);
    if (at > bytes.length) return null;
    if (group === 1 && ta !== undefined) interfaces.ta1 = bytes[ta]!;
    if (group === 2 && tc !== undefined) interfaces.workWaiting = bytes[tc]!;
    const tdByte = td === undefined ? 0 : bytes[td]!;
    if (td !== undefined) interfaces.protocols.push(tdByte & 15);
    announced = tdByte >> 4;
  }
  if (interfaces.protocols.length === 0) interfaces.protocols.push(0);
  const hasCheck = interfaces.protocols.some((protocol) => protocol !== 0);
  const length = at + historicalLength + (hasCheck ? 1 : 0);
  if (length > MAX_LENGTH) throw new Error(TOO_LONG);
  if (bytes.length < Math.max(2, length)) return null;
  if (hasCheck && bytes.slice(1, length).reduce((a, b) => a ^ b, 0) !== 0)
    throw new Error("the ATR's check byte is wrong");
  return {
    ...interfaces,
    bytes: Uint8Array.from(bytes.slice(0, length)),
    historical: Uint8Array.from(bytes.slice(at, at + historicalLength)),
  };
}

function hex(byte = 0): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}
