/* lwIP with memory to spare, segments as long as the card's, and whatever makes it quick. */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_ARP 0
#define LWIP_ETHERNET 0
#define LWIP_DNS 0
#define LWIP_UDP 0
#define LWIP_RAW 0
#define LWIP_TCP 1
#define TCP_MSS 244
#define TCP_WND (8 * TCP_MSS)
#define TCP_SND_BUF (64 * TCP_MSS)
#define TCP_SND_QUEUELEN 256
#define MEMP_NUM_TCP_SEG 256
#define PPP_SUPPORT 1
#define PPPOS_SUPPORT 1
#define PPP_IPV4_SUPPORT 1
#define VJ_SUPPORT 1
#define LWIP_STATS 0
