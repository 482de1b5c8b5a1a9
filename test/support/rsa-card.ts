// TLS on cards that have an RSA key: with an RSA certificate, or the TLS 1.0 card.
import { createPublicKey } from "node:crypto";
import { LocalCa } from "../../host/issuer/ca.ts";
import { readProfile } from "../../scripts/firmware.mjs";
import { build } from "./firmware.ts";
import { newRsaKey } from "./legacy.ts";
import { temporaryFolder } from "./netcard.ts";
import { type Personality, SOCKET_DOUBLE, TlsCard } from "./tls-card.ts";
import { u16, u8 } from "./tls-codec.ts";

/** The card's TLS in a profile that has an RSA key. */
export function firmware(profile: "card-rsa" | "card-legacy"): Promise<WebAssembly.Module> {
  return build("test/firmware/tls.ts", {
    profile,
    use: { ROM_BASE: readProfile("card-6k")["ROM_BASE"]! }, // where TlsCard looks for it
    replace: SOCKET_DOUBLE,
  });
}

/** A card with an RSA key and a certificate for it. @param bits of the modulus */
export async function personalise(module: WebAssembly.Module, bits: number): Promise<Personality> {
  const card = new TlsCard(module);
  const { numbers, key } = newRsaKey(bits);
  for (let number = 0; number < 5; number++) {
    const half = bits / 16;
    card.bytes.set(numbers.subarray(number * half, (number + 1) * half), card.exports.workspace());
    if (!card.exports.putRsaNumber(number, half)) throw new Error(`the card refuses number ${number}`);
  }
  const ca = await LocalCa.open(temporaryFolder("ca"));
  const leaf = await ca.issue(createPublicKey(key));
  const certificates = Buffer.concat([u8(0), u16(leaf.length), leaf]);
  card.storeFile("/.certificate", certificates);
  return { cells: card.nvm.cells, ca: ca.certificate.toString(), certificates };
}
