// The client's judgement of certificates (test/firmware/x509.ts), checked at each call for what it may touch.
import { MemoryNvm } from "../../host/chip/nvm.ts";
import { targetFile } from "../../host/issuer/target.ts";
import { readProfile } from "../../scripts/firmware.mjs";
import { type Identity, anchorsOf, pinOf } from "./certificates.ts";
import { build, instantiate } from "./firmware.ts";

interface Exports {
  powerOn(): void;
  workspace(): number;
  workspaceBytes(): number;
  ours(): number;
  theirs(): number;
  createFile(nameLength: number, bytes: number): number;
  appendFile(length: number): number;
  commitFile(): number;
  begin(): void;
  beginCertificate(length: number): number;
  read(length: number): number;
  endCertificate(): number;
  isTrusted(): number;
  end(): number;
  digestAt(index: number): number;
  raiseTime(): void;
}

const { ROM_BASE } = readProfile("card-6k") as { ROM_BASE: number };

export const ALERTS = { bad: 42, unsupported: 43, expired: 45, unknown: 46, unknownCa: 48 };

export interface Trust {
  anchors?: Identity[];
  pins?: Identity[];
  /** YYYYMMDDHHMMSS, null: none. */
  time?: string | null;
  host?: string;
  address?: string;
}

export const loadX509 = () => build("test/firmware/x509.ts");

export class X509Card {
  readonly #wasm: Exports & { memory: WebAssembly.Memory };
  readonly #page: Uint8Array;
  readonly #rom: Buffer;
  readonly nvm = new MemoryNvm(262144);

  constructor(module: WebAssembly.Module, trust: Trust = {}) {
    this.#wasm = instantiate<Exports>(module, {}, this.nvm);
    this.#page = new Uint8Array(this.#wasm.memory.buffer);
    this.#rom = Buffer.from(this.#page.subarray(ROM_BASE));
    this.#wasm.powerOn();
    const { anchors = [], pins = [], time = "20260101000000", host = "www.example.com" } = trust;
    this.#store("/.t", targetFile({ address: trust.address ?? "10.77.0.1", port: 443, host, path: "/" }));
    if (anchors.length > 0) this.#store("/.anchors", anchorsOf(...anchors));
    if (pins.length > 0) this.#store("/.pins", Buffer.concat(pins.map(pinOf)));
    if (time !== null) this.#store("/.time", Buffer.from(time));
  }

  /** Judges a chain. @param cut bytes of each piece @returns 0 when trusted, or the alert */
  judge(chain: Uint8Array[], cut: (left: number) => number = (left) => left): number {
    this.#wasm.begin();
    for (const certificate of chain) {
      const alert = this.#read(certificate, cut);
      this.#guard();
      if (alert !== 0) return alert;
      if (this.#wasm.isTrusted()) break;
    }
    return this.#wasm.end();
  }

  #read(certificate: Uint8Array, cut: (left: number) => number): number {
    const alert = this.#wasm.beginCertificate(certificate.length);
    if (alert !== 0) return alert;
    for (let at = 0; at < certificate.length;) {
      const left = Math.min(certificate.length - at, this.#wasm.workspaceBytes());
      const bytes = Math.max(1, Math.min(left, cut(left)));
      this.#page.set(certificate.subarray(at, at + bytes), this.#wasm.workspace());
      const alert = this.#wasm.read(bytes);
      if (alert !== 0) return alert;
      at += bytes;
    }
    return this.#wasm.endCertificate();
  }

  raiseTime(moment: string): void {
    this.#page.set(Buffer.from(moment), this.#wasm.workspace());
    this.#wasm.raiseTime();
  }

  #store(name: string, content: Uint8Array): void {
    const at = this.#wasm.workspace();
    this.#page.set(Buffer.from(name), at);
    this.#wasm.createFile(name.length, content.length);
    for (let i = 0; i < content.length; i += 128) {
      const part = content.subarray(i, i + 128);
      this.#page.set(part, at);
      this.#wasm.appendFile(part.length);
    }
    if (this.#wasm.commitFile() < 0) throw new Error(`${name} was not stored`);
  }

  /** Nothing is written but in TLS's and cryptography's memory, and the files'. */
  #guard(): void {
    const workspace = this.#wasm.workspace();
    this.#page.fill(0, workspace, workspace + this.#wasm.workspaceBytes());
    const first = this.#page.subarray(workspace, this.#wasm.ours()).findIndex((byte) => byte !== 0);
    const last = this.#page.subarray(this.#wasm.theirs() + 32, ROM_BASE).findIndex((byte) => byte !== 0);
    if (first >= 0 || last >= 0) throw new Error(`memory of others was written to: ${first}, ${last}`);
    if (!this.#rom.equals(this.#page.subarray(ROM_BASE))) throw new Error("ROM was written to");
  }
}
