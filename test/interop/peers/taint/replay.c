// Replays what a module was asked to do in Node (test/support/taint.ts), translated to C, under valgrind: secrets are
// marked as undefined, so that memcheck reports each branch and each address that depends on one. Whatever the module
// does must be what it did in Node, so that what is watched is the true computation.
//
// Standard input is a sequence of little-endian 32-bit words; bytes are padded to words:
//
//   BEGIN        length, name         a new case: the page is cleared
//   POKE         space, address, length, secret, bytes
//   CALL         export, arguments…   events that happen within follow, up to RETURN
//   RETURN       value
//   IMPORT       import, arguments…   events that happen within follow, up to SUPPLY
//   SUPPLY       value, secret
//   PEEK         address, length, bytes    must be there; an output is public
//   END
//
// Of each case one line goes to standard output: "errors declassified secretOutput residue…", where a residue is the
// address range "ram-from-to" or "nvm-from-to" of secrets that are still there.
#include "card.h"
#include <stdio.h>
#include <stdlib.h>
#include "replay.h"

enum event { BEGIN, POKE, CALL, RETURN, IMPORT, SUPPLY, PEEK, END };
enum { NVM_BYTES = 262144 };

u8 page[PAGE_BYTES + sizeof(u64)];
static u8 nvm[NVM_BYTES];
static w2c_card card;
static char name[256];
static u32 declassified, secret_output_bytes;
static const u32 *script, *script_end;

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", name, what);
  exit(2);
}

void trap(const char *reason) { fail(reason); }

static u32 next(void) {
  if (script == script_end) fail("the script ends too early");
  return *script++;
}

static const u8 *next_bytes(u32 length) {
  const u8 *bytes = (const u8 *)script;
  script += (length + 3) / 4;
  if (script > script_end) fail("the script ends too early");
  return bytes;
}

static void expect(u32 event) {
  if (next() != event) fail("does something else than in Node");
}

/** What leaves the module as a number must be public: it would be branched upon. */
static void expect_public(u32 value) {
  VALGRIND_CHECK_VALUE_IS_DEFINED(value);
  VALGRIND_MAKE_MEM_DEFINED(&value, sizeof value);
  if (value != next()) fail("gives another value than in Node");
}

static bool is_secret(u32 address) {
  u8 bits = 0;
  VALGRIND_GET_VBITS(page + address, &bits, 1);
  return bits != 0;
}

static void poke(void) {
  u32 space = next(), address = next(), length = next(), secret = next();
  u8 *target = (space ? nvm : page) + address;
  memcpy(target, next_bytes(length), length);
  if (secret) VALGRIND_MAKE_MEM_UNDEFINED(target, length);
}

static void peek(void) {
  u32 address = next(), length = next();
  for (u32 i = 0; i < length; i++) secret_output_bytes += is_secret(address + i);
  VALGRIND_MAKE_MEM_DEFINED(page + address, length);
  if (memcmp(page + address, next_bytes(length), length) != 0) fail("gives another output than in Node");
}

static void within(void) {
  for (;;) {
    switch (*script) {
      case POKE: next(); poke(); break;
      case PEEK: next(); peek(); break;
      case CALL: {
        next();
        u32 result = call_export(&card, next(), &script);
        expect(RETURN);
        expect_public(result);
        break;
      }
      default: return;
    }
  }
}

u32 imported(u32 which, const u32 *arguments, u32 count) {
  expect(IMPORT);
  if (next() != which) fail("calls another import than in Node");
  for (u32 i = 0; i < count; i++) expect_public(arguments[i]);
  within();
  expect(SUPPLY);
  u32 value = next();
  if (next()) VALGRIND_MAKE_MEM_UNDEFINED(&value, sizeof value);
  return value;
}

// The pins that need no script.
u32 w2c_pins_nvmRead(struct w2c_pins *pins, u32 address) {
  if (address >= NVM_BYTES) trap("NVM");
  return nvm[address];
}
void w2c_pins_nvmWrite(struct w2c_pins *pins, u32 address, u32 byte) {
  if (address >= NVM_BYTES) trap("NVM");
  nvm[address] = (u8)byte;
}
/** test/firmware/doubles/declassify.ts */
void w2c_pins_trace(struct w2c_pins *pins, u32 length, u32 address) {
  declassified++;
  VALGRIND_MAKE_MEM_DEFINED(at(address, length), length);
}

static void report_secrets(const char *space, const u8 *bytes, u32 length) {
  static u8 bits[NVM_BYTES];
  VALGRIND_GET_VBITS(bytes, bits, length);
  VALGRIND_MAKE_MEM_DEFINED(bits, length);
  for (u32 from = 0; from < length; from++) {
    if (bits[from] == 0) continue;
    u32 to = from;
    while (to < length && bits[to] != 0) to++;
    printf(" %s-%u-%u", space, from, to);
    from = to;
  }
}

static void report(u32 errors) {
  printf("%u %u %u", errors, declassified, secret_output_bytes);
  report_secrets("ram", page, sizeof page);
  report_secrets("nvm", nvm, sizeof nvm);
  printf("\n");
}

static void run_case(void) {
  u32 length = next();
  snprintf(name, sizeof name, "%.*s", (int)length, (const char *)next_bytes(length));
  VALGRIND_PRINTF("case %s\n", name);
  u32 errors = VALGRIND_COUNT_ERRORS;
  declassified = secret_output_bytes = 0;
  memset(page, 0, sizeof page);
  memset(nvm, 0xff, sizeof nvm);
  card_init(&card);
  within();
  expect(END);
  report(VALGRIND_COUNT_ERRORS - errors);
}

int main(void) {
  static u32 words[1 << 24];
  size_t count = fread(words, 4, sizeof words / 4, stdin);
  if (count == sizeof words / 4) fail("the script is too long");
  script = words;
  script_end = words + count;
  while (script < script_end) {
    expect(BEGIN);
    run_case();
  }
  return 0;
}
