// What a board supplies, besides board.json and its NVM (nvm.h). boards/NAME/board.c implements it.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

/** Sets the core's clock to CLOCK_HZ and the UART to 115,200 bit/s 8N1, its receive interrupt (UART_IRQ) asserted. */
void board_init(void);
/** @returns the next byte received, -1: none */
int uart_receive(void);
/** @returns false when the transmitter has no room */
bool uart_send(uint32_t byte);

/**
 * 32 bits of raw entropy. From a source that passes its health tests (SP 800-90B section 4.4) and has run long enough for
 * 32 fresh bits; the firmware conditions them. A chip without such a source must not be given keys.
 */
uint32_t random_word(void);
