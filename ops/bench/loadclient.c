/* The load client of `lanecast bench fanout`: many WebSocket connections to one server, the same for all servers.
 *
 *   loadclient PORT PATH CONNECTIONS [--protocol NAME] [--say OPCODE HEX]… [--answer HEX HEX] [--rcvbuf BYTES]
 *
 * Each connection makes its handshake (RFC 6455), then says what it is told to say, masked. `ready` is printed once all are
 * open. Each mark in what comes is a delivery; the eight bytes after it are the nanoseconds (CLOCK_MONOTONIC, least
 * significant first) at which it was published: after LCBENCH! all bits of them, after LCBENCH7, which goes where text goes,
 * seven of each. A ping is answered by a pong, and a message that begins with the first HEX of
 * --answer by the second. On standard input: `reset` forgets what was counted, `report` prints it as a line of JSON, `stop`
 * reads from no connection any more, `go` does again. `state_ms` in a report is how long ago the newest that a connection has was
 * published, of the connection that is worst off.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MARK "LCBENCH"
enum { MARK_SIZE = 7, SLOTS = 200000, SLOT_NS = 50000, SAYINGS = 8 };

typedef struct {
    int fd;
    char *data;
    size_t size, room;
    uint64_t newest_ns;
} Connection;

typedef struct {
    int opcode;
    unsigned char bytes[512];
    size_t size;
} Saying;

static Saying sayings[SAYINGS], question, answer;
static int saying_count, answering, rcvbuf, connection_count, poller;
static Connection *all;
static uint64_t deliveries, bytes, closed, open_count, latency[SLOTS], latest_ns;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void give_up(const char *what)
{
    fprintf(stderr, "loadclient: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void read_hex(const char *hex, Saying *into)
{
    for (into->size = 0; hex[0] && hex[1] && into->size < sizeof into->bytes; hex += 2) {
        unsigned value;
        if (sscanf(hex, "%2x", &value) != 1)
            give_up("not hexadecimal");
        into->bytes[into->size++] = (unsigned char)value;
    }
}

/* A whole masked frame; what a client has to say here is short. */
static void say(int fd, int opcode, const unsigned char *payload, size_t size)
{
    unsigned char frame[8 + 512], mask[4];
    size_t head = size < 126 ? 2 : 4;
    uint32_t random_mask = (uint32_t)random();
    memcpy(mask, &random_mask, 4);
    frame[0] = (unsigned char)(0x80 | opcode);
    frame[1] = (unsigned char)(0x80 | (head == 2 ? size : 126));
    if (head == 4)
        frame[2] = (unsigned char)(size >> 8), frame[3] = (unsigned char)size;
    memcpy(frame + head, mask, 4);
    for (size_t i = 0; i < size; i++)
        frame[head + 4 + i] = payload[i] ^ mask[i % 4];
    if (send(fd, frame, head + 4 + size, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        closed++;
}

static void take(Connection *c, int opcode, const unsigned char *payload, size_t size)
{
    if (opcode == 9) {
        say(c->fd, 10, payload, size > 125 ? 125 : size);
        return;
    }
    const unsigned char *end = payload + size, *mark = memmem(payload, size, MARK, MARK_SIZE);
    if (mark != NULL)
        bytes += size;
    else if (answering && size >= question.size && !memcmp(payload, question.bytes, question.size))
        say(c->fd, opcode, answer.bytes, answer.size);
    /* A server may put several publications into one message. */
    for (; mark != NULL && mark + 16 <= end; mark = memmem(mark + 16, (size_t)(end - mark - 16), MARK, MARK_SIZE)) {
        uint64_t then = 0;
        int bits = mark[MARK_SIZE] == '7' ? 7 : 8;
        for (int i = 7; i >= 0; i--)
            then = then << bits | mark[8 + i];
        if (then > c->newest_ns)
            c->newest_ns = then;
        uint64_t waited = now_ns() - then;
        latency[waited / SLOT_NS < SLOTS ? waited / SLOT_NS : SLOTS - 1]++;
        if (waited > latest_ns)
            latest_ns = waited;
        deliveries++;
    }
}

/* Take every whole frame, keep the rest. */
static void parse(Connection *c)
{
    size_t at = 0;
    while (c->size - at >= 2) {
        const unsigned char *p = (const unsigned char *)c->data + at;
        size_t head = 2, size = p[1] & 0x7F;
        if (size == 126) {
            if (c->size - at < 4)
                break;
            head = 4, size = (size_t)p[2] << 8 | p[3];
        } else if (size == 127) {
            if (c->size - at < 10)
                break;
            head = 10, size = 0;
            for (int i = 2; i < 10; i++)
                size = size << 8 | p[i];
        }
        if (c->size - at < head + size) {
            while (c->room < head + size)
                c->room *= 2;
            break;
        }
        take(c, p[0] & 0x0F, p + head, size);
        at += head + size;
    }
    c->size -= at;
    memmove(c->data, c->data + at, c->size);
    c->data = realloc(c->data, c->room);
    if (c->data == NULL)
        give_up("memory");
}

static void connect_one(Connection *c, int port, const char *path, const char *protocol)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char request[1024], name[128] = "";
    int on = 1;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (rcvbuf)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&at, sizeof at))
        give_up("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (protocol != NULL)
        snprintf(name, sizeof name, "Sec-WebSocket-Protocol: %s\r\n", protocol);
    /* The key should be random for each connection; what it protects from does not exist here. */
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: bGFuZWNhc3QtYmVuY2gtYQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                        path, port, name);
    if (send(c->fd, request, (size_t)size, MSG_NOSIGNAL) != size)
        give_up("send");
    c->room = 4096;
    c->data = malloc(c->room + 1);
    char *end = NULL;
    while (end == NULL) {
        ssize_t got = recv(c->fd, c->data + c->size, c->room - c->size, 0);
        if (got <= 0)
            give_up("handshake");
        c->size += (size_t)got;
        c->data[c->size] = 0;
        end = strstr(c->data, "\r\n\r\n");
    }
    if (strncmp(c->data, "HTTP/1.1 101", 12)) {
        fprintf(stderr, "loadclient: refused: %.*s\n", 60, c->data);
        exit(1);
    }
    c->size -= (size_t)(end + 4 - c->data);
    memmove(c->data, end + 4, c->size);
    for (int i = 0; i < saying_count; i++)
        say(c->fd, sayings[i].opcode, sayings[i].bytes, sayings[i].size);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    open_count++;
    parse(c);
}

static double quantile_ms(double share)
{
    uint64_t wanted = (uint64_t)(share * (double)deliveries), seen = 0;
    for (int i = 0; i < SLOTS; i++)
        if ((seen += latency[i]) > wanted)
            return (i + 1) * (SLOT_NS / 1e6);
    return 0;
}

static double state_ms(void)
{
    uint64_t oldest = now_ns();
    for (int i = 0; i < connection_count; i++)
        if (all[i].newest_ns < oldest)
            oldest = all[i].newest_ns;
    return (double)(now_ns() - oldest) / 1e6;
}

static void listen_to(int operation)
{
    for (int i = 0; i < connection_count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        if (all[i].fd >= 0)
            epoll_ctl(poller, operation, all[i].fd, &event);
    }
}

static void obey(void)
{
    char line[64];
    ssize_t got = read(0, line, sizeof line - 1);
    if (got <= 0)
        exit(0);
    line[got] = 0;
    if (strstr(line, "reset")) {
        deliveries = bytes = latest_ns = 0;
        memset(latency, 0, sizeof latency);
    }
    if (strstr(line, "stop"))
        listen_to(EPOLL_CTL_DEL);
    if (strstr(line, "go"))
        listen_to(EPOLL_CTL_ADD);
    if (strstr(line, "report")) {
        printf("{\"open\": %lu, \"closed\": %lu, \"deliveries\": %lu, \"bytes\": %lu, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
               "\"max_ms\": %.3f, \"state_ms\": %.3f}\n", open_count, closed, deliveries, bytes, quantile_ms(0.5), quantile_ms(0.99),
               (double)latest_ns / 1e6, state_ms());
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    const char *protocol = NULL;
    for (int i = 4; i < argc; i++) {
        if (!strcmp(argv[i], "--protocol") && i + 1 < argc) {
            protocol = argv[++i];
        } else if (!strcmp(argv[i], "--say") && i + 2 < argc && saying_count < SAYINGS) {
            sayings[saying_count].opcode = atoi(argv[++i]);
            read_hex(argv[++i], &sayings[saying_count++]);
        } else if (!strcmp(argv[i], "--answer") && i + 2 < argc) {
            answering = 1;
            read_hex(argv[++i], &question);
            read_hex(argv[++i], &answer);
        } else if (!strcmp(argv[i], "--rcvbuf") && i + 1 < argc) {
            rcvbuf = atoi(argv[++i]);
        } else {
            return 2;
        }
    }
    connection_count = atoi(argv[3]), poller = epoll_create1(0);
    all = calloc((size_t)connection_count, sizeof *all);
    struct epoll_event own = {.events = EPOLLIN, .data.ptr = NULL};
    for (int i = 0; i < connection_count; i++) {
        connect_one(&all[i], atoi(argv[1]), argv[2], protocol);
    }
    listen_to(EPOLL_CTL_ADD);
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &own);
    puts("ready");
    fflush(stdout);
    for (;;) {
        static struct epoll_event events[1024];
        int got = epoll_wait(poller, events, 1024, -1);
        for (int i = 0; i < got; i++) {
            Connection *c = events[i].data.ptr;
            if (c == NULL) {
                obey();
                continue;
            }
            ssize_t size = recv(c->fd, c->data + c->size, c->room - c->size, 0);
            if (size > 0) {
                c->size += (size_t)size;
                parse(c);
            } else if (size == 0 || errno != EAGAIN) {
                close(c->fd);
                c->fd = -1;
                closed++;
                open_count--;
            }
        }
    }
}
