// Stands in for firmware/link/ahdlc.ts: what it carries are the octets of a serial port, whatever they mean. Two queues, one
// each way, between the chip's RAM and its ROM; the port's owner speaks through bench/firmware/serial-port.ts.
//
//   32768  octets from the reader      36864  octets for the reader      40960  where the two queues stand
const FROM_READER: usize = 32768;
const FOR_READER: usize = 36864;
const STATE: usize = 40960;
const QUEUE: u32 = 4096;

@final
@unmanaged
class Queue {
  first: u32;
  count: u32;
}

export function powerOn(): void {
  memory.fill(STATE, 0, 2 * offsetof<Queue>());
}

/** An octet from the reader. One that finds no room is lost, as on any line. */
export function receive(octet: u32): void {
  put(fromReader(), FROM_READER, octet);
}

/** Octets that the port's owner has not taken: it has not had its turn yet. */
export function hasFrame(): bool {
  return fromReader().count > 0;
}

export function pendingBytes(limit: u32): u32 {
  return min(forReader().count, limit);
}

export function isSending(): bool {
  return forReader().count > 0;
}

export function peek(): u32 {
  return load<u8>(FOR_READER + forReader().first);
}

export function advance(): void {
  drop(forReader());
}

/** For the port's owner. @returns the next octet from the reader, -1: none */
export function read(): i32 {
  const queue = fromReader();
  if (queue.count == 0) return -1;
  const octet = load<u8>(FROM_READER + queue.first);
  drop(queue);
  return octet;
}

/** True when write() would take one more. */
export function hasRoom(): bool {
  return forReader().count < QUEUE;
}

/** Of the port's owner, for the reader. */
export function write(octet: u32): void {
  put(forReader(), FOR_READER, octet);
}

function put(queue: Queue, room: usize, octet: u32): void {
  if (queue.count == QUEUE) return;
  store<u8>(room + ((queue.first + queue.count++) % QUEUE), octet);
}

function drop(queue: Queue): void {
  queue.first = (queue.first + 1) % QUEUE;
  queue.count--;
}

function fromReader(): Queue {
  return changetype<Queue>(STATE);
}

function forReader(): Queue {
  return changetype<Queue>(STATE + offsetof<Queue>());
}
