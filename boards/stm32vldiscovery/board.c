// STM32F100RB (ST RM0041): internal 8 MHz oscillator, PLL, USART1 on PA9 and PA10. No receive FIFO: real lines need their
// interrupt served within one character, 87 µs.
#include "board.h"

#define RCC_CR REGISTER(0x40021000)
#define RCC_CFGR REGISTER(0x40021004)
#define RCC_APB2ENR REGISTER(0x40021018) // port A is bit 2, USART1 bit 14
#define GPIOA_CRH REGISTER(0x40010804)
#define USART_SR REGISTER(0x40013800)
#define USART_DR REGISTER(0x40013804)
#define USART_BRR REGISTER(0x40013808)
#define USART_CR1 REGISTER(0x4001380c)

void board_init(void) {
  RCC_CFGR = 4 << 18; // PLL = 8 MHz / 2 × 6
  RCC_CR |= 1 << 24;
  for (uint32_t patience = 10000; patience > 0 && !(RCC_CR & 1 << 25); patience--) continue; // QEMU's PLL never says ready
  RCC_CFGR |= 2;
  RCC_APB2ENR |= 1 << 2 | 1 << 14;
  GPIOA_CRH = (GPIOA_CRH & ~0xff0u) | 0x4b0; // PA9 push-pull output of the USART, PA10 floating input
  USART_BRR = 208;                          // 24 MHz / 115,200
  USART_CR1 = 0x202c;                       // USART, transmitter, receiver, receive interrupt
}

int uart_receive(void) { return USART_SR & 1 << 5 ? (int)(USART_DR & 0xff) : -1; }

bool uart_send(uint32_t byte) {
  if (!(USART_SR & 1 << 7)) return false;
  USART_DR = byte;
  return true;
}
