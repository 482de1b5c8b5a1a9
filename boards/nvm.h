// The non-volatile memory of a board: what stands behind the firmware's pins nvmRead and nvmWrite.
//
// The contract, for a driver of real cells:
// - NVM_BYTES cells of one byte, addresses from 0; an erased cell reads FF. The firmware has a page's wear in mind, but
//   writes byte by byte.
// - nvm_write() returns when the byte is in its cell, and bytes get there in the order of the calls. Power may fail before
//   or after a byte, never within one: after it, every byte is what it was or what was last written, and no other byte has
//   changed.
// - FRAM, MRAM and byte-writable EEPROM keep this as they are. Flash, which erases pages, needs a driver that appends
//   (address, byte) records to a log page and compacts the log to a second bank, whose last written word makes it valid;
//   the driver's RAM counts as the board's runtime.
// - Called from the main loop only, never from an interrupt. May take milliseconds: interrupts go on meanwhile.
//
// For a board of silicon the driver is boards/NAME/nvm.c, linked in place of boards/semihost.c.
#pragma once
#include <stdint.h>

/** Makes the cells ready. */
void nvm_init(void);
/** @returns the byte at `address`, FF beyond the last cell */
uint32_t nvm_read(uint32_t address);
/** Writes one byte; nothing beyond the last cell. */
void nvm_write(uint32_t address, uint32_t byte);
