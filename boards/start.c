// Everything between reset and the firmware, on any Cortex-M3: vectors, clock, link, traps.
//
// The main loop alone calls powerOn(), receive() and step(). Two interrupts of equal priority, which never nest:
//   UART     puts what was received into a ring. A full ring turns the interrupt off until the loop has emptied it; the
//            UART's FIFO then fills and hardware flow control holds the sender back.
//   SysTick  counts milliseconds, and calls timer() now and then, also while step() computes: at T=0 it sends the NULL
//            procedure bytes that ask the reader for patience.
//
// The stack lies at the floor of the RAM, where an overflow is a bus fault, and is painted to show how deep it went.
#include "board.h"
#include "card.h"
#include "nvm.h"

#define PAINT 0xdeadbeefu
#define TIMER_MS 100u
#define FOREVER 0xffffffffu
#define RING_BYTES 32u // a power of two, at most 128

#define SYST_CSR REGISTER(0xe000e010)
#define SYST_RVR REGISTER(0xe000e014)
#define SYST_CVR REGISTER(0xe000e018)
#define NVIC_ISER REGISTER(0xe000e100 + UART_IRQ / 32 * 4)
#define NVIC_ICER REGISTER(0xe000e180 + UART_IRQ / 32 * 4)
#define UART_BIT (1u << UART_IRQ % 32)
#define SCB_AIRCR REGISTER(0xe000ed0c)

extern u32 stack_floor[], stack_top[], bss_start[], bss_end[];
extern u8 arena_start[];

/** Why the firmware was stopped last; valid after a reset that was not a power-on. */
u32 trapped __attribute__((section(".noinit")));
/** Milliseconds since reset. */
volatile u32 clock_ms;
/** Ticks of the core's clock in which the firmware was not waiting; wraps. */
u32 busy_ticks;

static w2c_card card; // the wasm globals
static u8 ring[RING_BYTES];
static volatile u8 ring_in, ring_out;
static bool link_used;

static u32 disable_interrupts(void) {
  u32 before;
  __asm volatile("mrs %0, primask\n cpsid i" : "=r"(before)::"memory");
  return before;
}

static void restore_interrupts(u32 before) { __asm volatile("msr primask, %0" ::"r"(before) : "memory"); }

void trap(enum trap reason) {
  trapped = reason;
  SCB_AIRCR = 0x05fa0004; // system reset
  for (;;) continue;
}

// The pins. Both the loop and timer() write to the link: the question and the write must be one.
u32 w2c_pins_linkWrite(struct w2c_pins *pins, u32 byte) {
  u32 before = disable_interrupts();
  bool taken = uart_send(byte & 0xff);
  link_used = true;
  restore_interrupts(before);
  return taken;
}
u32 w2c_pins_nvmRead(struct w2c_pins *pins, u32 address) { return nvm_read(address); }
void w2c_pins_nvmWrite(struct w2c_pins *pins, u32 address, u32 byte) { nvm_write(address, byte); }
u32 w2c_pins_clockMs(struct w2c_pins *pins) { return clock_ms; }
u32 w2c_pins_random32(struct w2c_pins *pins) { return random_word(); }
void w2c_pins_trace(struct w2c_pins *pins, u32 event, u32 value) { }

static void on_uart(void) {
  while ((u8)(ring_in - ring_out) < RING_BYTES) {
    int byte = uart_receive();
    if (byte < 0) return;
    ring[ring_in++ % RING_BYTES] = (u8)byte;
  }
  NVIC_ICER = UART_BIT;
}

static void on_systick(void) {
  u32 now = clock_ms + 1;
  clock_ms = now;
  if (now % TIMER_MS == 0) w2c_card_timer(&card);
}

/** A fault may have come of a full stack: take a fresh one. */
__attribute__((naked)) static void on_fault(void) {
  __asm volatile("ldr r0, =stack_top\n mov sp, r0\n movs r0, %0\n b trap" ::"i"(TRAP_FAULT));
}

/** @returns the core's clock, ticks since reset; wraps */
static u32 ticks(void) {
  u32 ms, left;
  do {
    ms = clock_ms;
    left = SYST_CVR;
  } while (ms != clock_ms);
  return (ms + 1) * (CLOCK_HZ / 1000) - left;
}

/** Sleeps until a byte has come or `wait` ms have passed. Interrupts are off between the look and the sleep. */
static void idle(u32 wait) {
  u32 start = clock_ms;
  for (;;) {
    u32 before = disable_interrupts();
    bool ready = ring_in != ring_out || (wait != FOREVER && clock_ms - start >= wait);
    if (!ready) __asm volatile("wfi" ::: "memory");
    restore_interrupts(before);
    if (ready) return;
  }
}

static void hand_over_received(void) {
  while (ring_out != ring_in) {
    w2c_card_receive(&card, ring[ring_out % RING_BYTES]);
    ring_out++;
  }
  NVIC_ISER = UART_BIT;
}

__attribute__((noreturn)) static void run(void) {
  arena = arena_start;
  card_init(&card);
  w2c_card_powerOn(&card);
  u32 awake = ticks();
  for (;;) {
    hand_over_received();
    link_used = false;
    u32 wait = w2c_card_step(&card);
    if (*stack_floor != PAINT) trap(TRAP_STACK);
    if (wait == 0 || link_used) continue; // after it has used the link, whether there was room or not, step() has a say
    busy_ticks += ticks() - awake;
    idle(wait);
    awake = ticks();
  }
}

__attribute__((noreturn)) void reset(void) {
  u32 *sp;
  __asm volatile("mov %0, sp" : "=r"(sp));
  for (volatile u32 *word = stack_floor; word < sp; word++) *word = PAINT;
  for (u32 *word = bss_start; word < bss_end; word++) *word = 0;
  board_init();
  nvm_init();
  SYST_RVR = CLOCK_HZ / 1000 - 1;
  SYST_CVR = 0;
  SYST_CSR = 7; // on, with interrupt, from the core's clock
  run();
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16 + UART_IRQ + 1] = {
    [0] = stack_top,
    [1] = reset,
    [2 ... 14] = on_fault,
    [15] = on_systick,
    [16 ... 15 + UART_IRQ] = on_fault,
    [16 + UART_IRQ] = on_uart,
};
