// The RAM of the chip, region by region: the only file that knows addresses. Each owner proves, at compile time, that
// what it keeps fits its region. Compiled alone, this file is the generated RAM report (npm run size).
//
//   0 ┌───────────────┐
//     │ chip .. apdu  │  one row below each
//     ├───────────────┤
//     │ free          │
//     └───────────────┘ ARENA_BYTES

/** Sizes that layers share, bytes. */
export const PBUF_STRUCT_BYTES: u32 = 9;
/** Room for the headers of one outgoing packet: PPP 4, IP 20, TCP 24 with its MSS option. */
export const HEADER_ROOM: u32 = 48;
export const TCB_BYTES: u32 = 104;
export const SOCKET_BYTES: u32 = 12;
export const TLS_CONTEXT_BYTES: u32 = TLS10 ? 344 : 420;

// region                     size, bytes                                                        owner
/** Never handed out, so that address 0 is no object. */
export const CHIP_BYTES: u32 = 8; //                                                             chip
export const DRBG_BYTES: u32 = 64; //                                                            crypto/drbg
export const PBUF_STATE_BYTES: u32 = 8; //                                                       buffer/pbuf
export const PBUF_STRUCTS_BYTES: u32 = ((PBUF_COUNT + 2 * HEADER_PBUF_COUNT) * PBUF_STRUCT_BYTES + 3) & ~3;
export const PBUF_PAYLOADS_BYTES: u32 = PBUF_COUNT * PBUF_SIZE;
export const HEADER_PAYLOADS_BYTES: u32 = HEADER_PBUF_COUNT * HEADER_ROOM;
export const T0_BYTES: u32 = 16; //                                                              link/t0
export const PEER_IO_BYTES: u32 = 8; //                                                          link/peer-io
export const APDU_STATE_BYTES: u32 = 8; //                                                       link/apdu
export const AHDLC_BYTES: u32 = 40; //                                                           link/ahdlc
export const PPP_BYTES: u32 = DNS || PPP_SERVER ? 68 : 64; //                                    link/ppp
export const AUTH_BYTES: u32 = PPP_AUTH * 104; //                                                link/ppp/auth
export const VJ_BYTES: u32 = 8 + 2 * VJ_SLOTS * 40; //                                           link/ppp/vj
export const IP_BYTES: u32 = 48; //                                                              net/ip, icmp
export const TCP_BYTES: u32 = 48; //                                                             net/tcp, isn
export const UDP_STATE_BYTES: u32 = UDP ? 20 : 0; //                                             net/udp
/** Names whose addresses are remembered. */
export const DNS_CACHE_COUNT: u32 = 2;
export const DNS_CACHE_BYTES: u32 = DNS ? DNS_CACHE_COUNT * 16 : 0;
export const DNS_STATE_BYTES: u32 = DNS ? 40 : 0; //                                             net/dns
export const DHCP_STATE_BYTES: u32 = DHCP ? 64 : 0; //                                           net/dhcp
export const TCBS_BYTES: u32 = TCB_COUNT * TCB_BYTES;
export const SOCKETS_BYTES: u32 = SOCKET_COUNT * SOCKET_BYTES; //                                net/endpoint, socket
export const TLS_BYTES: u32 = TLS_CONTEXTS * (TLS_CONTEXT_BYTES + TLS_BUFFER); //                tls
export const CRYPTO_BYTES: u32 = CRYPTO_SCRATCH; //                                              crypto
export const FILES_BYTES: u32 = 32; //                                                           files
export const WEB_SERVER_BYTES: u32 = WEB_BYTES; //                                               apps/web-server
export const FETCHER_BYTES: u32 = TLS_CLIENT ? 52 : 0; //                                        apps/fetcher
export const APDU_BYTES: u32 = APDU_BUFFER; //                                                   link/apdu, files
export const GATEWAY_BYTES: u32 = SOCKET_COUNT * GATEWAY_TX_BUFFER + GATEWAY_RX_BUFFER; //       gateway

export const CHIP: usize = 0;
export const DRBG: usize = CHIP + CHIP_BYTES;
export const PBUF_STATE: usize = DRBG + DRBG_BYTES;
export const PBUF_STRUCTS: usize = PBUF_STATE + PBUF_STATE_BYTES;
export const PBUF_PAYLOADS: usize = PBUF_STRUCTS + PBUF_STRUCTS_BYTES;
export const HEADER_PAYLOADS: usize = PBUF_PAYLOADS + PBUF_PAYLOADS_BYTES;
export const T0: usize = HEADER_PAYLOADS + HEADER_PAYLOADS_BYTES;
export const PEER_IO: usize = T0 + T0_BYTES;
export const APDU_STATE: usize = PEER_IO + PEER_IO_BYTES;
export const AHDLC: usize = APDU_STATE + APDU_STATE_BYTES;
export const PPP: usize = AHDLC + AHDLC_BYTES;
export const AUTH: usize = PPP + PPP_BYTES;
export const VJ: usize = AUTH + AUTH_BYTES;
export const IP: usize = VJ + VJ_BYTES;
export const TCP: usize = IP + IP_BYTES;
export const UDP_STATE: usize = TCP + TCP_BYTES;
export const DNS_CACHE: usize = UDP_STATE + UDP_STATE_BYTES;
export const DNS_STATE: usize = DNS_CACHE + DNS_CACHE_BYTES;
export const DHCP_STATE: usize = DNS_STATE + DNS_STATE_BYTES;
export const TCBS: usize = DHCP_STATE + DHCP_STATE_BYTES;
export const SOCKETS: usize = TCBS + TCBS_BYTES;
export const TLS: usize = SOCKETS + SOCKETS_BYTES;
export const CRYPTO: usize = TLS + TLS_BYTES;
export const FILES: usize = CRYPTO + CRYPTO_BYTES;
export const WEB_SERVER: usize = FILES + FILES_BYTES;
export const FETCHER: usize = WEB_SERVER + WEB_SERVER_BYTES;
export const APDU: usize = FETCHER + FETCHER_BYTES;
export const GATEWAY: usize = APDU + APDU_BYTES;
export const END: usize = GATEWAY + GATEWAY_BYTES;

/** Clears all RAM, as power-on does. @throws at compile time when the regions do not fit the arena */
export function powerOn(): void {
  if (u32(END) > u32(ARENA_BYTES)) ERROR("the regions of the RAM map do not fit ARENA_BYTES");
  memory.fill(0, 0, ARENA_BYTES);
}
