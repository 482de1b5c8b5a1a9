// A network of the test's own. The process enters a new network namespace of Linux: what it opens and whatever it starts
// from then on sees that network, its loopback and its TUN devices only. Needs root; elsewhere such tests are skipped by
// name, and fail where NETCARD_NO_SKIP is set (CI).
import { spawnSync } from "node:child_process";
import { closeSync, existsSync } from "node:fs";
import type { Socket } from "node:net";
import koffi from "koffi";
import { test } from "vitest";

const AF_INET = 2;
const SOCK_RAW = 3;
const IPPROTO_RAW = 255;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const CLONE_NEWNET = 0x40000000;

/** @returns why this process can't have a network of its own, null when it can */
function obstacle(): string | null {
  if (process.platform !== "linux") return "it needs Linux";
  if (process.geteuid?.() !== 0) return "it needs root";
  if (!existsSync("/dev/net/tun")) return "/dev/net/tun is missing";
  if (spawnSync("ip", ["-V"]).error) return "ip is missing (Debian package iproute2)";
  return null;
}

/** Enters a new network, with a loopback. It lasts as long as the process, so each test file has its own. */
export function enterNamespace(): void {
  const unshare = koffi.load(null).func("int unshare(int flags)") as (flags: number) => number;
  if (unshare(CLONE_NEWNET) !== 0) throw new Error(`unshare: error ${koffi.errno()}`);
  ip("link", "set", "lo", "up");
}

/** Room for what a socket has received and nobody has read yet, bytes: the kernel takes twice that, 2,304 at least. */
export function setReceiveBuffer(socket: Socket, bytes: number): void {
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  const setsockopt = koffi
    .load(null)
    .func("int setsockopt(int fd, int level, int name, const void *value, uint32_t length)");
  const value = Buffer.alloc(4);
  value.writeInt32LE(bytes);
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, value, value.length) !== 0)
    throw new Error(`setsockopt: error ${koffi.errno()}`);
}

/** Sends IPv4 packets as they are, whatever their source. */
export class RawSocket {
  readonly #fd: number;
  readonly #sendto: (...args: unknown[]) => number;

  constructor() {
    const libc = koffi.load(null);
    const socket = libc.func("int socket(int domain, int type, int protocol)") as (
      ...args: number[]
    ) => number;
    this.#fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    if (this.#fd < 0) throw new Error(`socket: error ${koffi.errno()}`);
    this.#sendto = libc.func(
      "intptr_t sendto(int fd, const void *data, size_t length, int flags, const void *to, uint32_t toLength)",
    );
  }

  /** @param dest IPv4 address, host order. A packet that there is no room for is lost. */
  send(packet: Uint8Array, dest: number): void {
    const to = Buffer.alloc(16);
    to.writeUInt16LE(AF_INET);
    to.writeUInt32BE(dest, 4);
    this.#sendto(this.#fd, packet, packet.length, 0, to, to.length);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Runs `ip`. @returns what it prints @throws with what it says on failure */
export function ip(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** True when this process can have a network of its own. */
export const hasNamespaces = obstacle() === null;

/** A test in a file that calls enterNamespace() beforehand. */
export function testInNamespace(name: string, body: () => Promise<void> | void, timeoutMs?: number): void {
  const why = obstacle();
  if (!why) test(name, timeoutMs === undefined ? {} : { timeout: timeoutMs }, body);
  else if (process.env["NETCARD_NO_SKIP"])
    test(name, () => {
      throw new Error(`no network namespace: ${why}`);
    });
  else {
    console.warn(`SKIPPED: ${name}: ${why}`);
    test.skip(name, body);
  }
}
