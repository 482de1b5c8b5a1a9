// @ts-check
// The kinds of card that there are. Plain JavaScript, because scripts/build.mjs reads it too, before anything is compiled.

/**
 * @typedef {"iso7816" | "serial" | "client" | "rsa" | "legacy"} CardKind
 *
 * @typedef {object} Card
 * @property {string} what     the card, in the words of the command line
 * @property {string} entry    path of its entry file, from the project's root
 * @property {string} profile  name of a file in firmware/profiles
 * @property {string} out      path of its module, from the project's root
 * @property {string} board    name of a folder in boards: one that has room for it
 * @property {import("./issuer/certificate.ts").KeyUse} [rsaKey]  it is given an RSA key, for this; else a P-256 key
 */

/** @type {Readonly<Record<CardKind, Readonly<Card>>>} */
export const CARDS = {
  iso7816: {
    what: "in an ISO 7816 reader",
    entry: "firmware/card.ts",
    profile: "card-6k",
    out: "build/card.wasm",
    board: "lm3s811evb",
  },
  serial: {
    what: "on a full-duplex serial line",
    entry: "firmware/card-serial.ts",
    profile: "card-6k",
    out: "build/card-serial.wasm",
    board: "lm3s811evb",
  },
  client: {
    what: "one that fetches a page itself",
    entry: "firmware/card-client.ts",
    profile: "card-client",
    out: "build/card-client.wasm",
    board: "stm32vldiscovery",
  },
  rsa: {
    what: "one with an RSA key and certificate",
    entry: "firmware/card.ts",
    profile: "card-rsa",
    out: "build/card-rsa.wasm",
    board: "lm3s811evb",
    rsaKey: "sign",
  },
  // The seed's TLS 1.0. Obsolete: DES, SHA-1 and TLS 1.0 keep no secrets today.
  legacy: {
    what: "for study, the TLS 1.0 of 2004",
    entry: "firmware/card.ts",
    profile: "card-legacy",
    out: "build/card-legacy.wasm",
    board: "lm3s811evb",
    rsaKey: "decrypt",
  },
};
