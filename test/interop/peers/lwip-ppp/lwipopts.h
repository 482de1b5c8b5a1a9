/* lwIP as a PPP server with TCP above: no threads, memory from malloc. */
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
#define LWIP_RAW 1
#define LWIP_TCP 1
#define TCP_MSS 1460
#define TCP_WND (4 * TCP_MSS)
#define TCP_SND_BUF (4 * TCP_MSS)
#define IP_FRAG 1
#define IP_REASSEMBLY 1
#define IP_REASS_MAX_PBUFS 64
#define PPP_SUPPORT 1
#define PPPOS_SUPPORT 1
#define PPP_IPV4_SUPPORT 1
#define VJ_SUPPORT 1
/* Seconds from a Configure-Request to the next; a card that has just been told to terminate ignores the first. */
#define FSM_DEFTIMEOUT 1
#define LWIP_STATS 1
#define LINK_STATS 1
#define LWIP_STATS_DISPLAY 0
