/** NETCARD_LONG=1, as CI sets it: the full number of cases where `npm test` runs a part of them. */
export const LONG = process.env["NETCARD_LONG"] === "1";

/** @returns how many cases to run: `whole` in CI, `part` otherwise */
export const cases = (part: number, whole = 10_000): number => (LONG ? whole : part);
