// Debian's dnsmasq, DHCP and DNS server, in a network namespace of its own; and the card's place on its Ethernet. Our cards
// have no Ethernet yet: the shim here puts IP datagrams into frames, and answers ARP for the address that the card uses.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT, mtime } from "../../../scripts/firmware.mjs";

/** The host behind the TAP device, host order as all addresses; and what it gives away. */
export const SERVER = 0xc0a84d01; // 192.168.77.1
export const POOL = [0xc0a84d32, 0xc0a84d3c] as const;
/** A network to which the host has no way, and one that it keeps closed. */
export const UNREACHABLE = 0x0a420001;
export const PROHIBITED = 0x0a430001;
export const REAL = { name: "real.test", address: 0x0a090807 };
export const ALIAS = "alias.test";
/** A name with more addresses than 512 bytes hold. */
export const MANY = "many.test";

const IPV4 = 0x0800;
const ARP = 0x0806;
const BROADCAST = Buffer.alloc(6, 0xff);

const hosts = Array.from({ length: 60 }, (_, i) => `--host-record=${MANY},10.9.9.${i + 1}`);
const SCRIPT = `
  ip link set lo up
  ip tuntap add dev tap0 mode tap
  ip addr add 192.168.77.1/24 dev tap0
  ip link set tap0 up
  ip route add unreachable 10.66.0.0/16
  ip route add prohibit 10.67.0.0/16
  echo 1 > /proc/sys/net/ipv4/ip_forward
  echo 0 > /proc/sys/net/ipv4/icmp_ratemask # as many ICMP errors as there are reasons for
  dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --group=root --pid-file= --no-resolv --no-hosts \\
    --interface=tap0 --bind-interfaces --no-ping --log-facility=- --log-dhcp --log-queries \\
    --dhcp-authoritative --leasefile-ro --dhcp-range=192.168.77.50,192.168.77.60,2m \\
    --dhcp-option=option:router,192.168.77.1 --dhcp-option=option:dns-server,192.168.77.1 \\
    --host-record=${REAL.name},10.9.8.7 --cname=${ALIAS},${REAL.name} --local=/test/ ${hosts.join(" ")} >&2 &
  exec "$0" tap0
`;

function compileTap(): string {
  const source = join(ROOT, "test/interop/peers/tap.c");
  const program = join(ROOT, "build/peers/tap");
  if (existsSync(program) && mtime(source) < mtime(program)) return program;
  mkdirSync(join(ROOT, "build/peers"), { recursive: true });
  execFileSync("gcc", ["-O1", "-Wall", source, "-o", program]);
  return program;
}

/** @param hardware the card's Ethernet address, 6 bytes */
export class Dnsmasq {
  /** What it has logged. */
  log = "";
  readonly #process: ChildProcess;
  readonly #hardware: Buffer;
  #input = Buffer.alloc(0);
  #peer = BROADCAST;

  constructor(
    hardware: number[],
    /** The address that the card answers to, now. */
    readonly address: () => number,
    readonly receive: (datagram: Uint8Array) => void,
  ) {
    this.#hardware = Buffer.from(hardware);
    const options = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    this.#process = spawn("unshare", [...options, "sh", "-ec", SCRIPT, compileTap()]);
    this.#process.stdout!.on("data", (bytes: Buffer) => this.#take(bytes));
    this.#process.stderr!.on("data", (text) => (this.log += String(text)));
    this.#process.stdin!.on("error", () => undefined);
  }

  /** A datagram of the card's, in a frame: to everybody, or to the one that has written before. */
  send(datagram: Uint8Array): void {
    const isBroadcast = Buffer.from(datagram).readUInt32BE(16) === 0xffffffff;
    this.#frame(isBroadcast ? BROADCAST : this.#peer, IPV4, datagram);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGKILL");
    await ended;
  }

  #frame(to: Uint8Array, type: number, payload: Uint8Array): void {
    const head = Buffer.alloc(16);
    head.writeUInt16BE(14 + payload.length);
    head.set(to, 2);
    head.set(this.#hardware, 8);
    head.writeUInt16BE(type, 14);
    this.#process.stdin!.write(Buffer.concat([head, payload]));
  }

  #take(bytes: Buffer): void {
    this.#input = Buffer.concat([this.#input, bytes]);
    while (this.#input.length >= 2 && this.#input.length >= 2 + this.#input.readUInt16BE()) {
      const end = 2 + this.#input.readUInt16BE();
      const frame = this.#input.subarray(2, end);
      this.#input = this.#input.subarray(end);
      this.#dispatch(frame);
    }
  }

  #dispatch(frame: Buffer): void {
    const type = frame.readUInt16BE(12);
    const isOurs = frame.subarray(0, 6).equals(this.#hardware) || frame.subarray(0, 6).equals(BROADCAST);
    if (!isOurs) return;
    if (type === ARP) this.#answerArp(frame);
    if (type !== IPV4) return;
    this.#peer = Buffer.from(frame.subarray(6, 12));
    const datagram = frame.subarray(14, 14 + frame.readUInt16BE(16));
    this.receive(datagram);
  }

  /** RFC 826: who has the card's address? */
  #answerArp(frame: Buffer): void {
    const wanted = frame.readUInt32BE(38);
    if (frame.readUInt16BE(20) !== 1 || wanted !== this.address()) return;
    const reply = Buffer.from(frame.subarray(14, 42));
    reply.writeUInt16BE(2, 6);
    frame.copy(reply, 18, 22, 32); // the asker
    reply.set(this.#hardware, 8);
    reply.writeUInt32BE(wanted, 14);
    this.#frame(frame.subarray(6, 12), ARP, reply);
  }
}
