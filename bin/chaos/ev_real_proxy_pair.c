/* ev_real_proxy_pair.c - two sockets and what goes between them: accepted, told apart by hello, dialled, read, ended.
 *
 *   accepted --first frame--> dialled --connected--> both halves flow --one side ends, its queue is out--> closed
 *       |                        ^                                    `--one side fails--> the other gets an RST
 *       `--the link is blocked---' (waits: who dials a cut link hears nothing)
 */
#include "bin/chaos/ev_real_proxy.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_SIZE_BYTES = 64 * 1024,
    KEEPALIVE_IDLE_S = 60, /* what vanished behind dropped packets is noticed at last */
    KEEPALIVE_INTERVAL_S = 15,
    KEEPALIVE_COUNT = 4,
};
#define STRANGER_S 15.0 /* to say hello */
#define DOOM_S 0.005    /* so that half a frame arrives before the RST */

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events);
static void on_writable(struct ev_loop *loop, ev_io *watcher, int events);

/* --- sockets ----------------------------------------------------------------------------------------------------- */

static void socket_options(int descriptor) {
    const int options[][3] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        (void)setsockopt(descriptor, options[i][0], options[i][1], &options[i][2], sizeof(int));
}

static void socket_init(struct real_pair *pair, size_t which, int descriptor) {
    struct real_socket *each = &pair->sockets[which];
    socket_options(descriptor);
    each->descriptor = descriptor;
    ev_io_init(&each->read, on_readable, descriptor, EV_READ);
    ev_io_init(&each->write, on_writable, descriptor, EV_WRITE);
    each->read.data = &pair->halves[which];      /* what it is the source of */
    each->write.data = &pair->halves[1 - which]; /* what it is the sink of */
}

static void socket_close(struct real_pair *pair, size_t which, bool abruptly) {
    struct real_socket *each = &pair->sockets[which];
    if (each->descriptor < 0)
        return;
    ev_io_stop(pair->proxy->loop, &each->read);
    ev_io_stop(pair->proxy->loop, &each->write);
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    if (abruptly)
        (void)setsockopt(each->descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(each->descriptor);
    each->descriptor = -1;
}

void real_pair_close(struct real_pair *pair, bool abruptly) {
    struct real_proxy *proxy = pair->proxy;
    ev_timer_stop(proxy->loop, &pair->doom);
    for (size_t i = 0; i < 2; i++) {
        real_half_clear(&pair->halves[i]);
        socket_close(pair, i, abruptly);
    }
    if (pair->previous != NULL)
        pair->previous->next = pair->next;
    else
        proxy->pairs = pair->next;
    if (pair->next != NULL)
        pair->next->previous = pair->previous;
    atomic_fetch_sub(&proxy->counters.pairs, 1);
    free(pair);
}

/* --- accepting and dialling -------------------------------------------------------------------------------------- */

static void on_doom(struct ev_loop *loop, ev_timer *watcher, int events) {
    (void)loop, (void)events;
    real_pair_close(watcher->data, true);
}

void real_pair_accept(struct real_proxy *proxy, size_t index, int descriptor) {
    if (atomic_load(&proxy->counters.pairs) >= REAL_PROXY_PAIRS_MAX) {
        close(descriptor);
        return;
    }
    struct real_pair *pair = real_allocate(sizeof *pair);
    *pair = (struct real_pair){.proxy = proxy,
                               .index = index,
                               .next = proxy->pairs,
                               .born = ev_now(proxy->loop),
                               .sockets = {{.descriptor = -1}, {.descriptor = -1}}};
    if (proxy->pairs != NULL)
        proxy->pairs->previous = pair;
    proxy->pairs = pair;
    real_half_init(&pair->halves[0], pair, 0);
    real_half_init(&pair->halves[1], pair, 1);
    ev_timer_init(&pair->doom, on_doom, DOOM_S, 0);
    pair->doom.data = pair;
    socket_init(pair, 0, descriptor);
    real_count(&proxy->counters.pairs, 1);
    real_count(&proxy->counters.connections, 1);
    real_half_listen(&pair->halves[0]);
}

/* False: there is nobody, and the pair is to be closed. */
static bool dial(struct real_pair *pair) {
    struct real_proxy *proxy = pair->proxy;
    const struct real_endpoint *target = &proxy->endpoints[pair->index];
    size_t from = pair->halves[0].from;
    pair->dialled = true;
    int yes = 1, descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return false;
    socket_init(pair, 1, descriptor);
    if (from != REAL_PROXY_NOBODY && proxy->endpoints[from].has_source &&
        (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
         bind(descriptor, (const struct sockaddr *)&proxy->endpoints[from].source,
              sizeof(struct sockaddr_in)) != 0))
        return false;
    if (connect(descriptor, (const struct sockaddr *)&target->target, sizeof target->target) != 0 &&
        errno != EINPROGRESS)
        return false;
    ev_io_start(proxy->loop, &pair->sockets[1].write);
    return true;
}

/* Who dialled, by its hello; then the other side is dialled. False: the pair is to be closed. */
static bool meet(struct real_pair *pair, const uint8_t *frame, size_t size_bytes) {
    char address[REAL_ADDRESS_SIZE_MAX];
    struct real_half *there = &pair->halves[0], *back = &pair->halves[1];
    bool is_hello = !there->raw && real_frame_hello_address(frame + 4, size_bytes - 4, address);
    for (size_t i = 0; is_hello && i < REAL_PROXY_NODES_MAX; i++) {
        const struct real_endpoint *endpoint = &pair->proxy->endpoints[i];
        if (endpoint->known && i != pair->index && strcmp(endpoint->advertised, address) == 0) {
            there->from = back->to = i;
            there->to = back->from = pair->index;
            break;
        }
    }
    if (real_half_rule(there)->blocked || real_half_rule(back)->blocked)
        return true; /* dialled when the link is whole again */
    return dial(pair);
}

static bool is_connected(struct real_pair *pair) {
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(pair->sockets[1].descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
           error == 0;
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events) {
    struct real_half *half = watcher->data;
    struct real_pair *pair = half->pair;
    (void)events;
    ev_io_stop(loop, watcher);
    if (!pair->connected) {
        if (!is_connected(pair)) {
            real_pair_close(pair, true);
            return;
        }
        pair->connected = true;
        real_half_listen(&pair->halves[1]);
    }
    if (!real_half_flow(half))
        real_half_listen(half);
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

void real_half_listen(struct real_half *half) {
    struct real_pair *pair = half->pair;
    struct ev_loop *loop = pair->proxy->loop;
    struct real_socket *source = &pair->sockets[half->source];
    bool waits_for_dial = half->greeted && !pair->dialled;
    bool wanted = source->descriptor >= 0 && (half->source == 0 || pair->connected) &&
                  !half->ended && !pair->doomed && !waits_for_dial &&
                  real_half_rule(half)->blocked == SCENARIO_CLASS_NONE &&
                  half->queued_bytes + half->input_size < REAL_PROXY_QUEUE_SIZE_MAX;
    if (wanted)
        ev_io_start(loop, &source->read);
    else
        ev_io_stop(loop, &source->read);
}

/* The first frame has to wait for nothing; whatever follows it is cut by the rule of the link. */
static bool take(struct real_half *half, const uint8_t *bytes, size_t size_bytes) {
    bool is_first = !half->greeted;
    real_half_take(half, bytes, size_bytes);
    return !is_first || half->source == 1 || meet(half->pair, bytes, size_bytes);
}

/* Cuts frames out of what has come. False: the pair is to be closed. */
static bool cut(struct real_half *half) {
    size_t used = 0;
    while (used < half->input_size) {
        size_t rest = half->input_size - used;
        uint64_t size_bytes = half->raw ? rest : real_frame_size(half->input + used, rest);
        if (size_bytes > REAL_PROXY_FRAME_SIZE_MAX + 4) {
            half->raw = true;
            continue;
        }
        if (size_bytes == 0 || size_bytes > rest)
            break;
        if (!take(half, half->input + used, (size_t)size_bytes))
            return false;
        used += (size_t)size_bytes;
    }
    half->input_size -= used;
    memmove(half->input, half->input + used, half->input_size);
    return true;
}

static void reserve(struct real_half *half) {
    if (half->input_capacity - half->input_size >= READ_SIZE_BYTES)
        return;
    size_t capacity = half->input_size * 2 + READ_SIZE_BYTES;
    uint8_t *input = real_allocate(capacity);
    if (half->input_size > 0)
        memcpy(input, half->input, half->input_size);
    free(half->input);
    half->input = input;
    half->input_capacity = capacity;
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events) {
    struct real_half *half = watcher->data;
    struct real_pair *pair = half->pair;
    (void)loop, (void)events;
    reserve(half);
    ssize_t size_bytes =
        recv(pair->sockets[half->source].descriptor, half->input + half->input_size,
             half->input_capacity - half->input_size, 0);
    if (size_bytes < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size_bytes < 0) {
        real_pair_close(pair, true);
        return;
    }
    half->input_size += (size_t)size_bytes;
    half->ended = size_bytes == 0;
    if (!cut(half)) {
        real_pair_close(pair, true);
        return;
    }
    if (half->ended && half->input_size > 0) /* FIN in the middle of a frame is passed on as well */
        real_half_append(half, half->input, half->input_size, half->due_last);
    half->input_size = half->ended ? 0 : half->input_size;
    if (!real_half_flow(half))
        real_half_listen(half);
}

/* --- changes from outside ---------------------------------------------------------------------------------------- */

void real_pair_revise(struct real_pair *pair) {
    bool cut_off = real_half_rule(&pair->halves[0])->blocked != SCENARIO_CLASS_NONE ||
                   real_half_rule(&pair->halves[1])->blocked != SCENARIO_CLASS_NONE;
    if (pair->doomed)
        return;
    if (pair->halves[0].greeted && !pair->dialled && !cut_off && !dial(pair)) {
        real_pair_close(pair, true);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        struct real_half *half = &pair->halves[i];
        half->stalled = half->stalled && real_half_rule(half)->blocked != SCENARIO_CLASS_NONE;
        real_half_listen(half);
        if (real_half_flow(half))
            return;
    }
}

static void send_half_a_frame(struct real_half *half) {
    static const uint8_t begun[] = {0, 0, 0, 100, 0x9d, 3, 1, 2};
    const struct real_piece *first = half->first;
    int descriptor = half->pair->sockets[half->sink].descriptor;
    if (first != NULL && first->written > 0)
        return; /* in the middle of one as it is */
    if (first != NULL)
        (void)send(descriptor, first->bytes, (first->size_bytes + 1) / 2, MSG_NOSIGNAL);
    else
        (void)send(descriptor, begun, sizeof begun, MSG_NOSIGNAL);
}

void real_pair_reset(struct real_pair *pair) {
    if (pair->doomed)
        return;
    pair->doomed = true;
    for (size_t i = 0; i < 2; i++) {
        if (pair->connected)
            send_half_a_frame(&pair->halves[i]);
        ev_timer_stop(pair->proxy->loop, &pair->halves[i].timer);
        real_half_listen(&pair->halves[i]);
    }
    ev_timer_start(pair->proxy->loop, &pair->doom);
    real_count(&pair->proxy->counters.resets, 1);
}

/* A half counts as stalled once for each time that it is blocked, and only if it has something to pass on. */
static void look_for_stall(struct real_half *half) {
    enum scenario_class blocked = real_half_rule(half)->blocked;
    int waiting = 0, descriptor = half->pair->sockets[half->source].descriptor;
    if (blocked == SCENARIO_CLASS_NONE || half->stalled || descriptor < 0)
        return;
    if (half->first == NULL && (ioctl(descriptor, FIONREAD, &waiting) != 0 || waiting == 0))
        return;
    half->stalled = true;
    real_count(&half->pair->proxy->counters.stalled[blocked], 1);
}

void real_pair_sweep(struct real_pair *pair, double now) {
    look_for_stall(&pair->halves[0]);
    look_for_stall(&pair->halves[1]);
    if (!pair->halves[0].greeted && now - pair->born > STRANGER_S)
        real_pair_close(pair, true);
}
