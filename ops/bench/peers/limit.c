/* The limit: an epoll server that does nothing but send(2) to each client what its feed gives. Arguments: PORT FEED_PORT.
 * A client that does not take all of a frame is not sent another before it has: what it misses is not counted as delivered. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 65536, FRAME = 1 << 20 };

typedef struct {
    int open;           /* the handshake is done */
    char *rest;         /* of a frame that did not fit */
    size_t rest_size;
} Client;

static Client clients[MOST]; /* by descriptor */
static int row[MOST], rows;
static char feed_data[4 + FRAME], frame[10 + FRAME];
static size_t feed_size;

static uint32_t left(uint32_t x, int n) { return x << n | x >> (32 - n); }

/* SHA-1 (RFC 3174) of a text shorter than 119 bytes. */
static void sha1(const char *text, unsigned char out[20])
{
    unsigned char block[128] = {0};
    size_t size = strlen(text), blocks = size + 9 > 64 ? 2 : 1;
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    memcpy(block, text, size);
    block[size] = 0x80;
    block[blocks * 64 - 2] = (unsigned char)(size * 8 >> 8);
    block[blocks * 64 - 1] = (unsigned char)(size * 8);
    for (size_t b = 0; b < blocks; b++) {
        uint32_t w[80], v[5];
        for (int i = 0; i < 16; i++) {
            unsigned char *p = block + b * 64 + i * 4;
            w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        }
        for (int i = 16; i < 80; i++)
            w[i] = left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        memcpy(v, h, sizeof v);
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20   ? (v[1] & v[2]) | (~v[1] & v[3])
                         : i < 40 ? v[1] ^ v[2] ^ v[3]
                         : i < 60 ? (v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3])
                                  : v[1] ^ v[2] ^ v[3];
            static const uint32_t k[4] = {0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6};
            uint32_t next = left(v[0], 5) + f + v[4] + w[i] + k[i / 20];
            v[4] = v[3], v[3] = v[2], v[2] = left(v[1], 30), v[1] = v[0], v[0] = next;
        }
        for (int i = 0; i < 5; i++)
            h[i] += v[i];
    }
    for (int i = 0; i < 20; i++)
        out[i] = (unsigned char)(h[i / 4] >> (24 - i % 4 * 8));
}

static void base64(const unsigned char *in, size_t size, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t n = (uint32_t)in[i] << 16 | (i + 1 < size ? in[i + 1] << 8 : 0) | (i + 2 < size ? in[i + 2] : 0);
        *out++ = digits[n >> 18];
        *out++ = digits[n >> 12 & 63];
        *out++ = i + 1 < size ? digits[n >> 6 & 63] : '=';
        *out++ = i + 2 < size ? digits[n & 63] : '=';
    }
    *out = 0;
}

static int listen_on(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 4096)) {
        perror("listen");
        exit(1);
    }
    return fd;
}

static void drop(int fd)
{
    for (int i = 0; i < rows; i++)
        if (row[i] == fd)
            row[i--] = row[--rows];
    free(clients[fd].rest);
    clients[fd] = (Client){0};
    close(fd);
}

static void watch(int epoll, int fd, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    epoll_ctl(epoll, how, fd, &event);
}

/* The opening request comes in one piece from the bench's client. */
static void handshake(int fd, char *request)
{
    char *key = strcasestr(request, "sec-websocket-key:"), joined[128], accept[32], answer[256];
    unsigned char digest[20];
    if (key == NULL || sscanf(key + 18, " %40s", joined) != 1) {
        drop(fd);
        return;
    }
    strcat(joined, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    sha1(joined, digest);
    base64(digest, sizeof digest, accept);
    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\n\r\n", accept);
    send(fd, answer, (size_t)size, MSG_NOSIGNAL);
    clients[fd].open = 1;
    row[rows++] = fd;
}

static void broadcast(int epoll, const char *payload, size_t size)
{
    size_t head = size < 126 ? 2 : size < 65536 ? 4 : 10;
    frame[0] = (char)0x82;
    frame[1] = (char)(head == 2 ? size : head == 4 ? 126 : 127);
    for (size_t i = 2; i < head; i++)
        frame[i] = (char)(size >> (8 * (head - 1 - i)));
    memcpy(frame + head, payload, size);
    size += head;
    for (int i = 0; i < rows; i++) {
        Client *client = &clients[row[i]];
        if (client->rest != NULL)
            continue;
        ssize_t sent = send(row[i], frame, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0 && (size_t)sent == size)
            continue;
        if (sent > 0) {
            client->rest_size = size - (size_t)sent;
            client->rest = memcpy(malloc(client->rest_size), frame + sent, client->rest_size);
            watch(epoll, row[i], EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
        }
    }
}

static void take_feed(int epoll, int fd)
{
    ssize_t got = recv(fd, feed_data + feed_size, sizeof feed_data - feed_size, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            close(fd);
        return;
    }
    feed_size += (size_t)got;
    for (;;) {
        unsigned char *p = (unsigned char *)feed_data;
        if (feed_size < 4)
            return;
        size_t size = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        if (size > FRAME || feed_size < 4 + size)
            return;
        broadcast(epoll, feed_data + 4, size);
        feed_size -= 4 + size;
        memmove(feed_data, feed_data + 4 + size, feed_size);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    int listener = listen_on(atoi(argv[1])), source = listen_on(atoi(argv[2])), feed = -1, epoll = epoll_create1(0);
    watch(epoll, listener, EPOLLIN, EPOLL_CTL_ADD);
    watch(epoll, source, EPOLLIN, EPOLL_CTL_ADD);
    for (;;) {
        static struct epoll_event events[512];
        static char data[65536];
        int count = epoll_wait(epoll, events, 512, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener || fd == source) {
                int fresh = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
                if (fresh < 0 || fresh >= MOST)
                    continue;
                watch(epoll, fresh, EPOLLIN, EPOLL_CTL_ADD);
                if (fd == source)
                    feed = fresh, feed_size = 0;
            } else if (fd == feed) {
                take_feed(epoll, fd);
            } else {
                Client *client = &clients[fd];
                if (events[i].events & EPOLLOUT && client->rest != NULL) {
                    ssize_t sent = send(fd, client->rest, client->rest_size, MSG_DONTWAIT | MSG_NOSIGNAL);
                    if (sent > 0) {
                        client->rest_size -= (size_t)sent;
                        memmove(client->rest, client->rest + sent, client->rest_size);
                    }
                    if (client->rest_size == 0) {
                        free(client->rest);
                        client->rest = NULL;
                        watch(epoll, fd, EPOLLIN, EPOLL_CTL_MOD);
                    }
                }
                if (!(events[i].events & ~EPOLLOUT))
                    continue;
                ssize_t got = recv(fd, data, sizeof data - 1, 0);
                if (got == 0 || (got < 0 && errno != EAGAIN)) {
                    drop(fd);
                } else if (got > 0 && !client->open) {
                    data[got] = 0;
                    handshake(fd, data);
                }
            }
        }
    }
}
