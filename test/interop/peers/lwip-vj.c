/* lwIP's header compression behind a pipe. Each request is op, length (16 bits, big-endian), bytes:
 *   I  begins anew; one byte: whether slot ids may be left out
 *   C  compresses a packet
 *   U  restores one that came whole; D one that came compressed
 *   E  a frame was lost
 * C, U and D are answered by type (0x21, 0x2f, 0x2d; 0: tossed), length, bytes.
 */
#include "lwip/init.h"
#include "lwip/mem.h"
#include "lwip/memp.h"
#include "lwip/pbuf.h"
#include "netif/ppp/ppp_impl.h"
#include "netif/ppp/vj.h"
#include <stdio.h>

#define ROOM 128

static struct vjcompress comp;
static u8_t bytes[4096];

static struct pbuf *packet_of(u16_t length) {
  struct pbuf *p = pbuf_alloc(PBUF_RAW, length + ROOM, PBUF_RAM);
  pbuf_remove_header(p, ROOM);
  pbuf_take(p, bytes, length);
  return p;
}

static void answer(int type, struct pbuf *p) {
  u16_t length = type ? p->tot_len : 0;
  pbuf_copy_partial(p, bytes, length, 0);
  putchar(type);
  putchar(length >> 8);
  putchar(length & 0xff);
  fwrite(bytes, 1, length, stdout);
}

static void compress(u16_t length) {
  struct pbuf *original = packet_of(length), *p = original;
  u8_t type = vj_compress_tcp(&comp, &p);
  answer(type == TYPE_IP ? 0x21 : type == TYPE_UNCOMPRESSED_TCP ? 0x2f : 0x2d, p);
  if (p != original) pbuf_free(p);
  pbuf_free(original);
}

static void uncompress(int op, u16_t length) {
  struct pbuf *p = packet_of(length);
  int result = op == 'U' ? vj_uncompress_uncomp(p, &comp) : vj_uncompress_tcp(&p, &comp);
  answer(result < 0 ? 0 : 0x21, p);
  pbuf_free(p);
}

int main(void) {
  int op;
  mem_init();
  memp_init();
  while ((op = getchar()) != EOF) {
    u16_t length = getchar() << 8;
    length |= getchar();
    if (length > sizeof bytes || fread(bytes, 1, length, stdin) != length) return 1;
    if (op == 'I') {
      vj_compress_init(&comp);
      comp.compressSlot = bytes[0];
    } else if (op == 'E') vj_uncompress_err(&comp);
    else if (op == 'C') compress(length);
    else uncompress(op, length);
  }
  return 0;
}
