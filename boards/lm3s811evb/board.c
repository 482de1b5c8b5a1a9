// LM3S811 (TI SPMS150): 6 MHz crystal, PLL, UART0 (a PL011) on PA0 and PA1.
#include "board.h"

#define RIS REGISTER(0x400fe050)   // raw interrupt status
#define RCC REGISTER(0x400fe060)   // run-mode clock configuration
#define BYPASS (1 << 11)
#define XTAL_6_MHZ (0xb << 6)
#define RCGC1 REGISTER(0x400fe104) // clock gating: UART0 is bit 0
#define RCGC2 REGISTER(0x400fe108) // clock gating: port A is bit 0
#define GPIOA_AFSEL REGISTER(0x40004420)
#define GPIOA_DEN REGISTER(0x4000451c)
#define UART_DR REGISTER(0x4000c000)
#define UART_FR REGISTER(0x4000c018)
#define UART_IBRD REGISTER(0x4000c024)
#define UART_FBRD REGISTER(0x4000c028)
#define UART_LCRH REGISTER(0x4000c02c)
#define UART_CTL REGISTER(0x4000c030)
#define UART_IM REGISTER(0x4000c038)

void board_init(void) {
  RCC = BYPASS | XTAL_6_MHZ;        // the PLL is powered up, the core runs from the crystal
  while (!(RIS & 1 << 6)) continue; // until the PLL is locked
  RCC = XTAL_6_MHZ | 3 << 23 | 1 << 22; // 200 MHz / (3 + 1)
  RCGC1 |= 1;
  RCGC2 |= 1;
  GPIOA_AFSEL |= 3;
  GPIOA_DEN |= 3;
  UART_IBRD = 27; // 50 MHz / (16 × 115,200) = 27 + 8/64
  UART_FBRD = 8;
  UART_LCRH = 0x70;        // 8N1, FIFOs on
  UART_CTL = 0x301;        // receiver, transmitter, UART
  UART_IM = 1 << 4 | 1 << 6; // received, and received but idle since
}

int uart_receive(void) { return UART_FR & 1 << 4 ? -1 : (int)(UART_DR & 0xff); }

bool uart_send(uint32_t byte) {
  if (UART_FR & 1 << 5) return false;
  UART_DR = byte;
  return true;
}
