/* lwIP as the host of a serial card. Standard input and output are the serial line; descriptor 3 takes commands, one a
 * line, and tells what happens:
 *
 *   connect         brings PPP up                       up LOCAL PEER MRU VJ-OURS VJ-THEIRS
 *   close           takes it down in order              down REASON
 *   ping LENGTH     one ICMP Echo, LENGTH data bytes    pong LENGTH, when all of it has come back unchanged
 *   stats           of header compression               stats OUT-PACKETS OUT-COMPRESSED IN-UNCOMPRESSED IN-COMPRESSED TOSSED
 *
 * Each connection to 127.0.0.1:PORT (told first: "port PORT") is joined to one of lwIP's to port 443 of the card.
 */
#include "lwip/icmp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/inet_chksum.h"
#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/raw.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "netif/ppp/ipcp.h"
#include "netif/ppp/ppp.h"
#include "netif/ppp/pppapi.h"
#include "netif/ppp/pppos.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONTROL 3
#define HTTPS 443
#define MAX_JOINTS 16
#define MAX_PING 1400
#define PING_ID 0x4c57

/* A connection of this machine's and one of lwIP's. */
struct joint {
  int fd; /* -1: free */
  int client_ended;
  struct tcp_pcb *pcb;
};

static ppp_pcb *ppp;
static struct netif ppp_netif;
static struct raw_pcb *pinger;
static u16_t ping_sequence;
static u8_t ping_data[MAX_PING];
static struct joint joints[MAX_JOINTS];

u32_t sys_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

u32_t sys_jiffies(void) { return sys_now(); }

static void say(const char *format, ...) {
  char line[200];
  va_list values;
  va_start(values, format);
  int length = vsnprintf(line, sizeof line, format, values);
  va_end(values);
  if (write(CONTROL, line, length) != length) exit(1);
}

static void write_all(int fd, const void *data, size_t length) {
  const char *at = data;
  while (length > 0) {
    ssize_t done = write(fd, at, length);
    if (done <= 0) exit(0);
    at += done;
    length -= done;
  }
}

static u32_t put_on_line(ppp_pcb *pcb, u8_t *data, u32_t length, void *context) {
  write_all(1, data, length);
  return length;
}

static void status_changed(ppp_pcb *pcb, int error, void *context) {
  char local[16], peer[16];
  if (error != PPPERR_NONE) {
    say("down %d\n", error);
    return;
  }
  strcpy(local, ip4addr_ntoa(netif_ip4_addr(&ppp_netif)));
  strcpy(peer, ip4addr_ntoa(netif_ip4_gw(&ppp_netif)));
  say("up %s %s %d %d %d\n", local, peer, ppp_netif.mtu, ppp->ipcp_hisoptions.neg_vj, ppp->ipcp_gotoptions.neg_vj);
}

static u8_t pinged(void *context, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from) {
  static u8_t back[IP_HLEN + sizeof(struct icmp_echo_hdr) + MAX_PING];
  const struct icmp_echo_hdr *header = (const void *)(back + IP_HLEN);
  int length = p->tot_len - IP_HLEN - sizeof *header;
  if (length < 0 || length > MAX_PING) return 0;
  pbuf_copy_partial(p, back, p->tot_len, 0);
  if (header->type != ICMP_ER || header->id != lwip_htons(PING_ID) || header->seqno != lwip_htons(ping_sequence)) return 0;
  if (inet_chksum(header, sizeof *header + length) || memcmp(header + 1, ping_data, length)) say("broken %d\n", length);
  else say("pong %d\n", length);
  pbuf_free(p);
  return 1;
}

static void ping(int length) {
  struct pbuf *p = pbuf_alloc(PBUF_IP, sizeof(struct icmp_echo_hdr) + length, PBUF_RAM);
  struct icmp_echo_hdr *header = p->payload;
  memset(header, 0, sizeof *header);
  ICMPH_TYPE_SET(header, ICMP_ECHO);
  header->id = lwip_htons(PING_ID);
  header->seqno = lwip_htons(++ping_sequence);
  for (int i = 0; i < length; i++) ping_data[i] = i * 7 + (i >> 8) + ping_sequence;
  memcpy(header + 1, ping_data, length);
  header->chksum = inet_chksum(header, p->len);
  raw_sendto(pinger, p, (const ip_addr_t *)netif_ip4_gw(&ppp_netif));
  pbuf_free(p);
}

static void part(struct joint *j) {
  if (j->fd >= 0) close(j->fd);
  j->fd = -1;
  j->pcb = NULL;
}

static err_t card_sent(void *context, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  struct joint *j = context;
  if (!p) {
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_close(pcb);
    part(j);
    return ERR_OK;
  }
  for (struct pbuf *q = p; q; q = q->next)
    if (send(j->fd, q->payload, q->len, MSG_NOSIGNAL) < 0) break;
  tcp_recved(pcb, p->tot_len);
  tcp_ack_now(pcb); /* the card waits for it, and lwIP would for 250 ms */
  tcp_output(pcb);
  pbuf_free(p);
  return ERR_OK;
}

static void card_failed(void *context, err_t error) { part(context); }

static err_t card_connected(void *context, struct tcp_pcb *pcb, err_t error) { return ERR_OK; }

static void join(int fd) {
  struct joint *j = joints;
  while (j < joints + MAX_JOINTS && j->fd >= 0) j++;
  if (j == joints + MAX_JOINTS) {
    close(fd);
    return;
  }
  j->fd = fd;
  j->client_ended = 0;
  j->pcb = tcp_new();
  tcp_arg(j->pcb, j);
  tcp_recv(j->pcb, card_sent);
  tcp_err(j->pcb, card_failed);
  if (tcp_connect(j->pcb, (const ip_addr_t *)netif_ip4_gw(&ppp_netif), HTTPS, card_connected) != ERR_OK) {
    tcp_arg(j->pcb, NULL);
    tcp_abort(j->pcb);
    part(j);
  }
}

static void client_sent(struct joint *j) {
  char data[1024];
  ssize_t length = recv(j->fd, data, LWIP_MIN(sizeof data, tcp_sndbuf(j->pcb)), 0);
  if (length > 0) {
    tcp_write(j->pcb, data, length, TCP_WRITE_FLAG_COPY);
    tcp_output(j->pcb);
    return;
  }
  j->client_ended = 1;
  tcp_shutdown(j->pcb, 0, 1);
}

static int listen_locally(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
  socklen_t length = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(fd, (void *)&address, sizeof address) || listen(fd, MAX_JOINTS)) exit(1);
  getsockname(fd, (void *)&address, &length);
  say("port %d\n", ntohs(address.sin_port));
  return fd;
}

static void obey(char *line) {
  struct vjstat *s = &ppp->vj_comp.stats;
  if (!strcmp(line, "connect")) ppp_connect(ppp, 0);
  else if (!strcmp(line, "close")) ppp_close(ppp, 0);
  else if (!strncmp(line, "ping ", 5)) ping(atoi(line + 5));
  else if (!strcmp(line, "stats"))
    say("stats %u %u %u %u %u\n", s->vjs_packets, s->vjs_compressed, s->vjs_uncompressedin, s->vjs_compressedin, s->vjs_tossed);
}

static void take_commands(void) {
  static char text[256];
  static size_t filled;
  ssize_t length = read(CONTROL, text + filled, sizeof text - 1 - filled);
  if (length <= 0) exit(0);
  filled += length;
  text[filled] = 0;
  for (char *end; (end = strchr(text, '\n'));) {
    *end++ = 0;
    obey(text);
    filled -= end - text;
    memmove(text, end, filled + 1);
  }
}

static void take_line(void) {
  u8_t data[512];
  ssize_t length = read(0, data, sizeof data);
  if (length <= 0) exit(0);
  pppos_input(ppp, data, length);
}

static int wants_to_send(struct joint *j) {
  if (j->fd < 0 || j->client_ended) return 0;
  return j->pcb->state >= ESTABLISHED && tcp_sndbuf(j->pcb) > 0;
}

static void serve(int listener) {
  struct pollfd fds[3 + MAX_JOINTS] = {{0, POLLIN}, {CONTROL, POLLIN}, {listener, POLLIN}};
  for (int i = 0; i < MAX_JOINTS; i++) {
    fds[3 + i].fd = wants_to_send(&joints[i]) ? joints[i].fd : -1;
    fds[3 + i].events = POLLIN;
  }
  u32_t wait = sys_timeouts_sleeptime();
  if (poll(fds, 3 + MAX_JOINTS, wait > 1000 ? 1000 : wait) < 0) exit(1);
  sys_check_timeouts();
  if (fds[0].revents) take_line();
  if (fds[1].revents) take_commands();
  if (fds[2].revents) join(accept(listener, NULL, NULL));
  for (int i = 0; i < MAX_JOINTS; i++)
    if (fds[3 + i].revents && wants_to_send(&joints[i]) && fds[3 + i].fd == joints[i].fd) client_sent(&joints[i]);
}

int main(int count, char **arguments) {
  ip4_addr_t ours, theirs;
  srand(getpid() ^ time(NULL));
  lwip_init();
  for (int i = 0; i < MAX_JOINTS; i++) joints[i].fd = -1;
  pinger = raw_new(IP_PROTO_ICMP);
  raw_recv(pinger, pinged, NULL);
  raw_bind(pinger, IP_ADDR_ANY);
  ppp = pppos_create(&ppp_netif, put_on_line, status_changed, NULL);
  IP4_ADDR(&ours, 10, 77, 0, 1);
  IP4_ADDR(&theirs, 10, 77, 0, 2);
  ppp_set_ipcp_ouraddr(ppp, &ours);
  ppp_set_ipcp_hisaddr(ppp, &theirs);
  ppp_set_default(ppp);
  int listener = listen_locally();
  for (;;) serve(listener);
}
