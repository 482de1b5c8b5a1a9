// Small damage, at random.

export type Random = () => number;
export const below = (random: Random, limit: number) => Math.floor(random() * limit);

/** One to four small changes: a bit, a byte, a cut, a repetition, a length field's worth of noise. */
export function mutate(bytes: Buffer, random: Random): Buffer {
  let result = Buffer.from(bytes);
  for (let changes = 1 + below(random, 4); changes > 0 && result.length > 0; changes--) {
    const at = below(random, result.length);
    const end = at + 1 + below(random, 8);
    switch (below(random, 6)) {
      case 0:
        result[at]! ^= 1 << below(random, 8);
        break;
      case 1:
        result[at] = below(random, 2) ? below(random, 256) : 255 * below(random, 2);
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, at), result.subarray(end)]);
        break;
      case 3:
        result = Buffer.concat([result.subarray(0, end), result.subarray(at)]);
        break;
      case 4:
        result = result.subarray(0, at);
        break;
      default:
        for (let i = at; i < Math.min(end, result.length); i++) result[i] = below(random, 256);
    }
  }
  return result;
}
