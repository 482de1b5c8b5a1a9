// All limits of the web server: how long it waits for whom, and how much it takes.
//
// The card has few TLS contexts (one in 6 KB) and browsers open up to six connections. A connection that can't be served
// must not be reset (the page breaks) nor accepted and left waiting (Firefox waits for it and stalls). So its SYN is
// dropped silently, as a lossy network would: the client repeats it and comes in when a context is free. Such a drop is a
// *knock*. While clients knock the card is *crowded*: it closes after each response and is short with idle connections;
// otherwise it keeps connections alive.
import { Millis } from "../../chip/clock.ts";

export const PORT: u32 = 443;

/** After a knock the card is crowded for this long. */
export const CROWDED_MS: Millis = 2000;
/** From accept to the end of the handshake; browsers give up at 30 s as well. */
export const HANDSHAKE_MS: Millis = 30000;
/**
 * Crowded: from accept to the ClientHello's end. A connection is accepted when its first byte is there; 2 KB take up to 4 s at
 * 9,600 bit/s over T=0.
 */
export const HELLO_CROWDED_MS: Millis = 5000;
/** Crowded: from the handshake to the first byte of the first request. */
export const SILENT_MS: Millis = 2000;
/** Between a response and the next request. */
export const IDLE_MS: Millis = 5000;
export const IDLE_CROWDED_MS: Millis = 500;
/** A request, from its first byte to its last: a slow client gets no more, whatever it dribbles. */
export const REQUEST_MS: Millis = 15000;
/** One record of a response, or the last words, until the peer has acknowledged them. */
export const STALL_MS: Millis = 15000;

/** How often TLS sessions that are too old are looked for: a power of two. */
export const EXPIRY_MS: Millis = 1 << 20;

/** Bytes of a request's path, decoded, and of any other word in its head that means something to us. */
export const WORD_MAX: u32 = 64;
/** Bytes of a request's head, request line included. */
export const HEAD_MAX: u32 = 8192;
/** Bytes of a request's body that are read and thrown away to keep the connection. */
export const DRAIN_MAX: u32 = 16384;
/** Requests that may stand in one record: they are read before the first is answered. */
export const PIPELINE_MAX: u32 = 4;
