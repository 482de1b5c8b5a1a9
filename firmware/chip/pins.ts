// The chip's pins: all that the silicon gives to the firmware. Nothing else may be imported by a card.
// Whatever crosses them is hostile input.

/** Put one byte on the link. @returns 1 when taken, 0 when the transmit register is full: try again later. */
export declare function linkWrite(byte: u32): u32;

/** Read one byte of NVM; `address` in bytes from 0, below NVM_BYTES. */
export declare function nvmRead(address: u32): u32;

/** Write one byte of NVM. Power may fail before or after it, never within. */
export declare function nvmWrite(address: u32, byte: u32): void;

/** Milliseconds since some moment, monotonic, wraps at 2^32. */
export declare function clockMs(): u32;

/** 32 bits of raw entropy; to be conditioned by the DRBG, never used as they are for keys. */
export declare function random32(): u32;

/** Debugging only, wired when the profile's TRACE is 1: an event code and a value. */
export declare function trace(event: u32, value: u32): void;
