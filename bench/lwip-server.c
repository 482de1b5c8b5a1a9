/* lwIP as the card: HTTP on port 443 over PPP on a serial line, one file, no TLS. It lives on the bench's clock: each
 * request from standard input lets it take what has come and do what is due,
 *
 *   now, ms (32 bits)   length (32 bits)   bytes from the line
 *
 * and is answered by what it puts on the line, and when it wants to be called again, ms from now:
 *
 *   wait (32 bits)      length (32 bits)   bytes for the line
 *
 * Numbers are the machine's.
 */
#include "lwip/init.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "netif/ppp/ppp.h"
#include "netif/ppp/pppapi.h"
#include "netif/ppp/pppos.h"
#include <stdio.h>
#include <string.h>

#define PORT 443
#define FILE_BYTES 65536
#define ROOM (1 << 17)

static u32_t now;
static u8_t line[ROOM];
static u32_t line_bytes;
static u8_t response[FILE_BYTES + 256];
static u32_t response_bytes, written;
static ppp_pcb *ppp;
static struct netif ppp_netif;

u32_t sys_now(void) { return now; }
u32_t sys_jiffies(void) { return now; }

static u32_t put_on_line(ppp_pcb *pcb, u8_t *data, u32_t length, void *context) {
  if (line_bytes + length > ROOM) return 0;
  memcpy(line + line_bytes, data, length);
  line_bytes += length;
  return length;
}

static void status_changed(ppp_pcb *pcb, int error, void *context) {}

/* The file lies in ROM: lwIP refers to it and copies nothing. */
static void push(struct tcp_pcb *pcb) {
  while (written < response_bytes) {
    u32_t length = LWIP_MIN(response_bytes - written, tcp_sndbuf(pcb));
    length = LWIP_MIN(length, TCP_MSS);
    if (length == 0 || tcp_write(pcb, response + written, length, TCP_WRITE_FLAG_MORE) != ERR_OK) break;
    written += length;
  }
  tcp_output(pcb);
}

static err_t acknowledged(void *context, struct tcp_pcb *pcb, u16_t length) {
  push(pcb);
  return ERR_OK;
}

static err_t received(void *context, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  if (!p) return tcp_close(pcb);
  tcp_recved(pcb, p->tot_len);
  pbuf_free(p);
  push(pcb);
  return ERR_OK;
}

static err_t accepted(void *context, struct tcp_pcb *pcb, err_t error) {
  written = 0;
  tcp_nagle_disable(pcb);
  tcp_recv(pcb, received);
  tcp_sent(pcb, acknowledged);
  return ERR_OK;
}

static void make_response(void) {
  response_bytes = sprintf((char *)response, "HTTP/1.1 200 OK\r\nX-Content-Type-Options: nosniff\r\n"
    "Cache-Control: no-cache\r\nETag: \"01234567\"\r\nContent-Type: application/octet-stream\r\n"
    "Content-Length: %d\r\n\r\n", FILE_BYTES);
  for (u32_t i = 0; i < FILE_BYTES; i++) response[response_bytes++] = i * 7 + (i >> 8);
}

int main(void) {
  u32_t head[2];
  struct tcp_pcb *listener;
  lwip_init();
  make_response();
  ppp = pppos_create(&ppp_netif, put_on_line, status_changed, NULL);
  ppp_set_default(ppp);
  listener = tcp_new();
  tcp_bind(listener, IP_ADDR_ANY, PORT);
  listener = tcp_listen(listener);
  tcp_accept(listener, accepted);
  ppp_connect(ppp, 0);
  while (fread(head, sizeof head, 1, stdin) == 1) {
    u8_t input[4096];
    now = head[0];
    if (head[1] > sizeof input || (head[1] && fread(input, head[1], 1, stdin) != 1)) return 1;
    if (head[1]) pppos_input(ppp, input, head[1]);
    sys_check_timeouts();
    head[0] = sys_timeouts_sleeptime();
    head[1] = line_bytes;
    fwrite(head, sizeof head, 1, stdout);
    fwrite(line, line_bytes, 1, stdout);
    fflush(stdout);
    line_bytes = 0;
  }
  return 0;
}
