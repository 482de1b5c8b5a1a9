// Stands in for firmware/crypto/p256-nonce.ts: two candidates for k that must be refused, 2^256 - 1 and 0, then 7.
export const V: u32 = 10;

export function first(file: usize, _digest: usize, _privateKey: usize, _hedge: usize): void {
  memory.fill(file + V * 32, 0xff, 32);
}

export function another(file: usize): void {
  const v = file + V * 32;
  const last: u8 = load<u8>(v) == 0xff ? 0 : 7;
  memory.fill(v, 0, 32);
  store<u8>(v, last, 31);
}
