// NVM and entropy when the board is QEMU's: files of the machine that runs QEMU, reached by semihosting (Arm's "Semihosting
// for AArch32 and AArch64"). The NVM is the image card.nvm in QEMU's working directory, as host/chip/nvm-file.ts
// makes it. QEMU writes each byte with one write(2), in order, so that killing it is a power cut as nvm.h describes it.
#include "board.h"
#include "nvm.h"

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_SEEK = 0x0a };
enum { MODE_READ_BINARY = 1, MODE_UPDATE_BINARY = 3 }; // fopen's "rb" and "r+b"

#define IMAGE_HEADER_BYTES 64u

static uint8_t nvm_file, random_file;

static uint32_t call(uint32_t operation, const void *block) {
  register uint32_t r0 __asm("r0") = operation;
  register const void *r1 __asm("r1") = block;
  __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static uint8_t open(const char *name, uint32_t length, uint32_t mode) {
  const uint32_t block[] = {(uint32_t)name, mode, length};
  return (uint8_t)call(SYS_OPEN, block);
}

static void transfer(uint32_t operation, uint32_t file, void *data, uint32_t bytes) {
  const uint32_t block[] = {file, (uint32_t)data, bytes};
  call(operation, block);
}

static void seek(uint32_t position) {
  const uint32_t block[] = {nvm_file, IMAGE_HEADER_BYTES + position};
  call(SYS_SEEK, block);
}

void nvm_init(void) {
  nvm_file = open("card.nvm", 8, MODE_UPDATE_BINARY);
  random_file = open("/dev/urandom", 12, MODE_READ_BINARY);
}

uint32_t nvm_read(uint32_t address) {
  uint8_t byte = 0xff; // stays so beyond the end of the file
  if (address >= NVM_BYTES) return byte;
  seek(address);
  transfer(SYS_READ, nvm_file, &byte, 1);
  return byte;
}

void nvm_write(uint32_t address, uint32_t byte) {
  uint8_t cell = (uint8_t)byte;
  if (address >= NVM_BYTES) return;
  seek(address);
  transfer(SYS_WRITE, nvm_file, &cell, 1);
}

uint32_t random_word(void) {
  uint32_t word = 0;
  transfer(SYS_READ, random_file, &word, sizeof word);
  return word;
}
