/* Ethernet frames between a TAP device of Linux and standard input and output, each behind its length, two bytes, the
   higher first. Usage: tap NAME. Ends when its input does. */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static unsigned char frame[2 + 65535];

static int whole(int fd, unsigned char *to, size_t length) {
  while (length > 0) {
    ssize_t got = read(fd, to, length);
    if (got <= 0) return 0;
    to += got;
    length -= (size_t)got;
  }
  return 1;
}

static int open_tap(const char *name) {
  struct ifreq request;
  int fd = open("/dev/net/tun", O_RDWR);
  if (fd < 0) return fd;
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  return ioctl(fd, TUNSETIFF, &request) < 0 ? -1 : fd;
}

int main(int count, char **arguments) {
  int tap = count == 2 ? open_tap(arguments[1]) : -1;
  if (tap < 0) {
    perror("tap");
    return 1;
  }
  for (;;) {
    struct pollfd ready[2] = {{0, POLLIN, 0}, {tap, POLLIN, 0}};
    if (poll(ready, 2, -1) < 0) return 1;
    if (ready[0].revents) {
      size_t length;
      if (!whole(0, frame, 2)) return 0;
      length = (size_t)frame[0] << 8 | frame[1];
      if (!whole(0, frame, length)) return 0;
      if (write(tap, frame, length) < 0) perror("tap: write");
    }
    if (ready[1].revents) {
      ssize_t length = read(tap, frame + 2, sizeof frame - 2);
      if (length <= 0) continue;
      frame[0] = (unsigned char)(length >> 8);
      frame[1] = (unsigned char)length;
      if (write(1, frame, (size_t)length + 2) < 0) return 1;
    }
  }
}
