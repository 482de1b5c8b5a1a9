// A TUN device of Linux: IP datagrams to and from the kernel's own network. It needs root, the package koffi for one
// ioctl, and the command `ip` for addresses and routes. The device goes when the process does.
import { spawnSync } from "node:child_process";
import { closeSync, openSync, read, writeSync } from "node:fs";
import { codeOf } from "../data-dir.ts";
import { NetcardError } from "../errors.ts";
import { parseAddress } from "./gateway.ts";

const DEVICE = "/dev/net/tun";
/** linux/if_tun.h, and struct ifreq of linux/if.h: 16 bytes of name, then flags. */
const TUNSETIFF = 0x400454ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const NAME_BYTES = 16;
const IFREQ_BYTES = 40;
/** The kernel puts the first free number for %d. */
const NAME = "netcard%d";

const LONGEST_BYTES = 65_535;
const IP_HEADER_BYTES = 20;
const DESTINATION_AT = 16;

type Receiver = (datagram: Uint8Array) => void;

/** What we use of koffi; it need not be installed for the rest of netcard. */
interface Koffi {
  load(library: null): { func(prototype: string): (...args: unknown[]) => number };
  errno(): number;
}

export class Tun {
  readonly #fd: number;
  /** Takes the datagrams for each address, host order. */
  readonly #receivers = new Map<number, Receiver>();
  readonly #buffer = Buffer.alloc(LONGEST_BYTES);
  #isOpen = true;
  #onClosed: () => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;
  /** Rejects when somebody else has removed the device. */
  readonly failed: Promise<never>;
  readonly #remove = () => void spawnSync("ip", ["link", "del", this.name]);

  /**
   * Makes the device and gives it an address of the host's.
   * @param address dotted IPv4
   * @throws NetcardError when this system or this user can't have one
   */
  static async open(address: string): Promise<Tun> {
    if (process.platform !== "linux") throw new NetcardError("--tun needs Linux: run without it.");
    if (process.geteuid?.() !== 0)
      throw new NetcardError("--tun needs root: run it with sudo, or without --tun.");
    const koffi = await loadKoffi();
    const fd = openDevice();
    let tun: Tun | undefined;
    try {
      tun = new Tun(fd, create(koffi, fd), address);
      ip("link", "set", tun.name, "addrgenmode", "none");
      ip("addr", "add", `${address}/32`, "dev", tun.name);
      ip("link", "set", tun.name, "up");
      return tun;
    } catch (error) {
      if (tun) await tun.close();
      else closeSync(fd);
      throw error;
    }
  }

  private constructor(
    fd: number,
    /** The interface's, as `ip link` shows it. */
    readonly name: string,
    /** The host's address, dotted IPv4. */
    readonly address: string,
  ) {
    this.#fd = fd;
    this.failed = new Promise<never>((_, reject) => (this.#fail = reject));
    this.failed.catch(() => undefined); // whoever does not ask is not told
    process.once("exit", this.#remove); // or a read that still waits would keep the process
    this.#read();
  }

  /** Takes the datagrams that the kernel sends to an address by this device. @param address dotted IPv4 */
  attach(address: string, onDatagram: Receiver): void {
    this.#receivers.set(parseAddress(address), onDatagram);
  }

  /** Datagrams to an address are dropped from now on. */
  detach(address: string): void {
    this.#receivers.delete(parseAddress(address));
  }

  /**
   * Lets the kernel send to an address by this device.
   * @param address dotted IPv4 @param mtu the longest datagram, bytes; the kernel makes fragments of longer ones
   * @throws NetcardError when the kernel has another route to it
   */
  addRoute(address: string, mtu: number): void {
    try {
      ip("route", "add", `${address}/32`, "dev", this.name, "src", this.address, "mtu", String(mtu));
    } catch (error) {
      const isTaken = error instanceof NetcardError && error.message.includes("File exists");
      throw isTaken
        ? new NetcardError(`There is another route to ${address}: end what uses it first.`)
        : error;
    }
  }

  removeRoute(address: string): void {
    if (this.#isOpen) spawnSync("ip", ["route", "del", `${address}/32`, "dev", this.name]);
  }

  /** Hands a datagram to the kernel; one that it doesn't take is lost, as on any network. */
  write(datagram: Uint8Array): void {
    if (!this.#isOpen) return;
    try {
      writeSync(this.#fd, datagram);
    } catch {
      // EINVAL: no IP datagram; ENOBUFS: the kernel has no room.
    }
  }

  /** Removes the device and its routes. */
  close(): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    this.#isOpen = false;
    process.off("exit", this.#remove);
    return new Promise((resolve) => {
      this.#onClosed = resolve;
      this.#remove(); // which ends the read, and with it the descriptor is free
    });
  }

  /** One read waits always, in a thread of its own: the device is none that the event loop can watch. */
  #read(): void {
    read(this.#fd, this.#buffer, 0, LONGEST_BYTES, null, (error, length) => {
      if (error || !this.#isOpen) return this.#end();
      this.#dispatch(length);
      this.#read();
    });
  }

  #dispatch(length: number): void {
    if (length < IP_HEADER_BYTES || this.#buffer[0]! >> 4 !== 4) return;
    const receiver = this.#receivers.get(this.#buffer.readUInt32BE(DESTINATION_AT));
    receiver?.(Uint8Array.from(this.#buffer.subarray(0, length)));
  }

  #end(): void {
    if (this.#isOpen) this.#fail(new NetcardError(`The interface ${this.name} was removed.`));
    this.#isOpen = false;
    process.off("exit", this.#remove);
    closeSync(this.#fd);
    this.#onClosed();
  }
}

async function loadKoffi(): Promise<Koffi> {
  const name: string = "koffi"; // not to be resolved by the compiler: it may be missing
  try {
    return ((await import(name)) as { default: Koffi }).default;
  } catch {
    throw new NetcardError(
      "--tun needs the package koffi, which can't be loaded here: npm install koffi, or run without --tun.",
    );
  }
}

function openDevice(): number {
  try {
    return openSync(DEVICE, "r+");
  } catch (error) {
    throw new NetcardError(
      `--tun needs ${DEVICE} (${codeOf(error)}): load the module tun, or give the container that device.`,
    );
  }
}

/** @returns the interface's name */
function create(koffi: Koffi, fd: number): string {
  const request = Buffer.alloc(IFREQ_BYTES);
  request.write(NAME, "latin1");
  request.writeUInt16LE(IFF_TUN | IFF_NO_PI, NAME_BYTES);
  const ioctl = koffi.load(null).func("int ioctl(int fd, unsigned long request, void *argument)");
  if (ioctl(fd, TUNSETIFF, request) < 0)
    throw new NetcardError(
      `--tun can't make an interface (error ${koffi.errno()}): it needs the capability NET_ADMIN.`,
    );
  return request.toString("latin1", 0, NAME_BYTES).replace(/\0.*$/s, "");
}

/** @throws NetcardError with what `ip` says */
function ip(...args: string[]): void {
  const { error, status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (error) throw new NetcardError("--tun needs the command ip: install the package iproute2.");
  if (status !== 0)
    throw new NetcardError(`ip ${args.join(" ")} failed: ${stderr.trim().replace(/\.$/, "")}.`);
}
