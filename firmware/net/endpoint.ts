// Endpoints: what a socket is to TCP, a port that somebody listens at or the user of a connection. TCP finds listeners
// here and leaves here how a connection ended; socket/ makes Berkeley sockets of them.
import { SOCKETS, SOCKETS_BYTES, SOCKET_BYTES } from "../chip/ram-map.ts";

/** Nothing now: ask again after the next step. Numbers shared with socket/. */
export const EAGAIN: i32 = -1;
/** How a connection ended, other than in order. */
export const ECONNRESET: i32 = -4;
export const ETIMEDOUT: i32 = -5;
export const ECONNREFUSED: i32 = -6;
/** An argument is wrong. */
export const EINVAL: i32 = -9;
/** A router says that the peer can't be reached, or no way there is known. */
export const EHOSTUNREACH: i32 = -11;

export const FREE: u8 = 0;
/** A socket that may connect, or has. */
export const STREAM: u8 = 1;
export const LISTENER: u8 = 2;
/** A UDP socket: udp.ts has its own view of the same memory. */
export const DATAGRAM: u8 = 3;

@final
@unmanaged
export class Endpoint {
  kind: u8;
  /** Connections that may wait for accept(). */
  backlog: u8;
  /** Local port, 0: none yet. */
  port: u16;
  /** Number of its control block, 0: none. */
  tcb: u8;
  /** 1: a SYN had to be dropped since somebody asked. */
  knocked: u8;
  /** 1: the connection was, and is no more. */
  ended: u8;
  /** How it ended: 0 in order, else a negative error, told once. */
  error: i8;
  /** 1: a listener whose clients speak first. */
  deferred: u8;

  /** @param number 1..SOCKET_COUNT */
  static at(number: u32): Endpoint {
    return changetype<Endpoint>(SOCKETS + (number - 1) * SOCKET_BYTES);
  }
  clear(): void {
    memory.fill(changetype<usize>(this), 0, SOCKET_BYTES);
  }
}

/** @throws at compile time when an endpoint does not fit */
export function powerOn(): void {
  if (offsetof<Endpoint>() > SOCKET_BYTES) ERROR("Endpoint does not fit SOCKET_BYTES");
  memory.fill(SOCKETS, 0, SOCKETS_BYTES);
}

/** @returns the number of the listener at a port, 0 when there is none */
export function findListener(port: u32): u32 {
  for (let number: u32 = 1; number <= u32(SOCKET_COUNT); number++) {
    const endpoint = Endpoint.at(number);
    if (endpoint.kind == LISTENER && endpoint.port == port) return number;
  }
  return 0;
}
