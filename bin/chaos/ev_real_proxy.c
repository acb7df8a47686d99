/* ev_real_proxy.c - the fault proxy's thread, the table by which it is told what to do, and its listeners. */
#include "bin/chaos/ev_real_proxy.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RULES_COUNT = REAL_PROXY_NODES_MAX * REAL_PROXY_NODES_MAX, BACKLOG = 128 };
#define SWEEP_S 0.1

const struct real_rule *real_half_rule(const struct real_half *half) {
    static const struct real_rule none;
    if (half->from == REAL_PROXY_NOBODY || half->to == REAL_PROXY_NOBODY)
        return &none;
    return &half->pair->proxy->rules[half->from * REAL_PROXY_NODES_MAX + half->to];
}

/* --- listeners --------------------------------------------------------------------------------------------------- */

static void on_accept(struct ev_loop *loop, ev_io *watcher, int events) {
    struct real_listener *listener = watcher->data;
    (void)loop, (void)events;
    int descriptor = accept4(listener->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0)
        real_pair_accept(listener->proxy, listener->index, descriptor);
}

static void listener_close(struct real_listener *listener) {
    if (listener->descriptor < 0)
        return;
    ev_io_stop(listener->proxy->loop, &listener->io);
    close(listener->descriptor);
    listener->descriptor = -1;
}

static void listener_open(struct real_listener *listener, int descriptor) {
    listener_close(listener);
    listener->descriptor = descriptor;
    ev_io_init(&listener->io, on_accept, descriptor, EV_READ);
    listener->io.data = listener;
    ev_io_start(listener->proxy->loop, &listener->io);
}

static int open_listener(const struct sockaddr_in *address) {
    int yes = 1, descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor >= 0 &&
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(descriptor, (const struct sockaddr *)address, sizeof *address) == 0 &&
        listen(descriptor, BACKLOG) == 0)
        return descriptor;
    int reason = errno;
    if (descriptor >= 0)
        close(descriptor);
    errno = reason;
    return -1;
}

/* --- the thread -------------------------------------------------------------------------------------------------- */

static void take_endpoints(struct real_proxy *proxy) {
    for (size_t i = 0; i < REAL_PROXY_NODES_MAX; i++) {
        struct real_endpoint *told = &proxy->table.endpoints[i];
        if (told->descriptor >= 0)
            listener_open(&proxy->listeners[i], told->descriptor);
        else if (!told->up)
            listener_close(&proxy->listeners[i]);
        told->descriptor = -1;
        proxy->endpoints[i] = *told;
    }
}

static void take_resets(struct real_proxy *proxy) {
    const bool *resets = proxy->table.resets;
    for (struct real_pair *pair = proxy->pairs; pair != NULL; pair = pair->next) {
        size_t from = pair->halves[0].from, to = pair->halves[0].to;
        if (from != REAL_PROXY_NOBODY &&
            (resets[from * REAL_PROXY_NODES_MAX + to] || resets[to * REAL_PROXY_NODES_MAX + from]))
            real_pair_reset(pair);
    }
}

static bool is_open(const struct real_pair *pair) {
    return pair->connected && !pair->doomed && pair->halves[0].greeted && pair->halves[1].greeted;
}

/* Whether there was a connection to put it into. */
static bool inject(struct real_proxy *proxy, const struct real_injection *injection) {
    for (struct real_pair *pair = proxy->pairs; pair != NULL; pair = pair->next) {
        for (size_t i = 0; i < 2 && is_open(pair); i++) {
            struct real_half *half = &pair->halves[i];
            if (half->to == injection->to && !half->raw && !half->ended) {
                real_half_append(half, injection->bytes, injection->size_bytes,
                                 ev_now(proxy->loop));
                real_half_flow(half);
                return true;
            }
        }
    }
    return false;
}

static void revise_all(struct real_proxy *proxy) {
    struct real_pair *next;
    for (struct real_pair *pair = proxy->pairs; pair != NULL; pair = next) {
        next = pair->next;
        real_pair_revise(pair);
    }
}

static void on_wake(struct ev_loop *loop, ev_async *watcher, int events) {
    struct real_proxy *proxy = watcher->data;
    struct real_table *table = &proxy->table;
    (void)events;
    pthread_mutex_lock(&table->lock);
    if (table->seeded)
        proxy->random.state = table->seed;
    if (table->endpoints_changed)
        take_endpoints(proxy);
    if (table->rules_changed)
        memcpy(proxy->rules, table->rules, RULES_COUNT * sizeof *proxy->rules);
    if (table->rules_changed || table->endpoints_changed)
        revise_all(proxy);
    if (table->resets_wanted)
        take_resets(proxy);
    if (table->injection.bytes != NULL)
        table->injection.found = inject(proxy, &table->injection);
    table->injection.bytes = NULL;
    table->taken = table->told;
    pthread_cond_broadcast(&table->answered);
    table->seeded = table->endpoints_changed = table->rules_changed = table->resets_wanted = false;
    if (table->finished)
        ev_break(loop, EVBREAK_ALL);
    pthread_mutex_unlock(&table->lock);
}

static void on_sweep(struct ev_loop *loop, ev_timer *watcher, int events) {
    struct real_proxy *proxy = watcher->data;
    struct real_pair *next;
    (void)events;
    for (struct real_pair *pair = proxy->pairs; pair != NULL; pair = next) {
        next = pair->next;
        real_pair_sweep(pair, ev_now(loop));
    }
}

static void *thread_run(void *context) {
    struct real_proxy *proxy = context;
    ev_run(proxy->loop, 0);
    while (proxy->pairs != NULL)
        real_pair_close(proxy->pairs, true);
    for (size_t i = 0; i < REAL_PROXY_NODES_MAX; i++)
        listener_close(&proxy->listeners[i]);
    return NULL;
}

/* --- from outside ------------------------------------------------------------------------------------------------ */

static void release(struct real_proxy *proxy) {
    for (size_t i = 0; i < REAL_PROXY_NODES_MAX; i++)
        if (proxy->table.endpoints[i].descriptor >= 0)
            close(proxy->table.endpoints[i].descriptor);
    if (proxy->loop != NULL)
        ev_loop_destroy(proxy->loop);
    pthread_mutex_destroy(&proxy->table.lock);
    pthread_cond_destroy(&proxy->table.answered);
    free(proxy->table.rules);
    free(proxy->table.resets);
    free(proxy->rules);
    free(proxy);
}

static struct real_proxy *make(uint64_t seed) {
    struct real_proxy *proxy = real_allocate(sizeof *proxy);
    pthread_mutex_init(&proxy->table.lock, NULL);
    pthread_cond_init(&proxy->table.answered, NULL);
    proxy->random.state = seed;
    proxy->rules = real_allocate(RULES_COUNT * sizeof *proxy->rules);
    proxy->table.rules = real_allocate(RULES_COUNT * sizeof *proxy->rules);
    proxy->table.resets = real_allocate(RULES_COUNT * sizeof *proxy->table.resets);
    for (size_t i = 0; i < REAL_PROXY_NODES_MAX; i++) {
        proxy->listeners[i] = (struct real_listener){.proxy = proxy, .index = i, .descriptor = -1};
        proxy->table.endpoints[i].descriptor = -1;
    }
    proxy->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    return proxy;
}

bool real_proxy_new(uint64_t seed, struct real_proxy **made, char message[REAL_MESSAGE_SIZE_MAX]) {
    struct real_proxy *proxy = make(seed);
    *made = NULL;
    if (proxy->loop == NULL) {
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "the proxy's loop could not be made");
        release(proxy);
        return false;
    }
    ev_async_init(&proxy->wake, on_wake);
    ev_timer_init(&proxy->sweep, on_sweep, SWEEP_S, SWEEP_S);
    proxy->wake.data = proxy->sweep.data = proxy;
    ev_async_start(proxy->loop, &proxy->wake);
    ev_timer_start(proxy->loop, &proxy->sweep);
    /* Signals are for the main thread. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&proxy->thread, NULL, thread_run, proxy);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0) {
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "the proxy's thread could not be started: %s",
                 strerror(result));
        release(proxy);
        return false;
    }
    *made = proxy;
    return true;
}

/* Waits, with the lock, until the thread has taken over what was told. */
static void tell(struct real_proxy *proxy) {
    struct real_table *table = &proxy->table;
    uint64_t told = ++table->told;
    ev_async_send(proxy->loop, &proxy->wake);
    while (table->taken < told)
        pthread_cond_wait(&table->answered, &table->lock);
}

void real_proxy_free(struct real_proxy *proxy) {
    if (proxy == NULL)
        return;
    pthread_mutex_lock(&proxy->table.lock);
    proxy->table.finished = true;
    tell(proxy);
    pthread_mutex_unlock(&proxy->table.lock);
    pthread_join(proxy->thread, NULL);
    release(proxy);
}

void real_proxy_seed(struct real_proxy *proxy, uint64_t seed) {
    pthread_mutex_lock(&proxy->table.lock);
    proxy->table.seed = seed;
    proxy->table.seeded = true;
    tell(proxy);
    pthread_mutex_unlock(&proxy->table.lock);
}

bool real_proxy_node(struct real_proxy *proxy, size_t index, const char *advertised,
                     const char *source, char message[REAL_MESSAGE_SIZE_MAX]) {
    struct real_endpoint endpoint = {.known = true, .descriptor = -1};
    assert(index < REAL_PROXY_NODES_MAX);
    snprintf(endpoint.advertised, sizeof endpoint.advertised, "%s", advertised);
    char source_text[REAL_ADDRESS_SIZE_MAX];
    endpoint.has_source = source != NULL;
    snprintf(source_text, sizeof source_text, "%s:0", source == NULL ? "127.0.0.1" : source);
    if (!real_address_parse(advertised, &endpoint.listen) ||
        !real_address_parse(source_text, &endpoint.source)) {
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "%s is no address for a proxy", advertised);
        return false;
    }
    pthread_mutex_lock(&proxy->table.lock);
    assert(!proxy->table.endpoints[index].known);
    proxy->table.endpoints[index] = endpoint;
    proxy->table.endpoints_changed = true;
    tell(proxy);
    pthread_mutex_unlock(&proxy->table.lock);
    return true;
}

bool real_proxy_up(struct real_proxy *proxy, size_t index, const char *gossip,
                   char message[REAL_MESSAGE_SIZE_MAX]) {
    struct real_endpoint *endpoint = &proxy->table.endpoints[index];
    struct sockaddr_in target;
    assert(index < REAL_PROXY_NODES_MAX && endpoint->known);
    if (!real_address_parse(gossip, &target)) {
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "%s is no address of a node", gossip);
        return false;
    }
    bool was_up = endpoint->up;
    int descriptor = was_up ? -1 : open_listener(&endpoint->listen);
    if (!was_up && descriptor < 0) {
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "the proxy cannot listen on %s: %s",
                 endpoint->advertised, strerror(errno));
        return false;
    }
    pthread_mutex_lock(&proxy->table.lock);
    endpoint->target = target;
    endpoint->up = true;
    endpoint->descriptor = descriptor;
    proxy->table.endpoints_changed = true;
    tell(proxy);
    pthread_mutex_unlock(&proxy->table.lock);
    return true;
}

void real_proxy_down(struct real_proxy *proxy, size_t index) {
    struct real_endpoint *endpoint = &proxy->table.endpoints[index];
    assert(index < REAL_PROXY_NODES_MAX);
    pthread_mutex_lock(&proxy->table.lock);
    if (endpoint->descriptor >= 0)
        close(endpoint->descriptor);
    endpoint->descriptor = -1;
    endpoint->up = false;
    proxy->table.endpoints_changed = true;
    tell(proxy);
    pthread_mutex_unlock(&proxy->table.lock);
}

void real_proxy_rules(struct real_proxy *proxy, const struct real_rule *rules) {
    pthread_mutex_lock(&proxy->table.lock);
    memcpy(proxy->table.rules, rules, RULES_COUNT * sizeof *rules);
    proxy->table.rules_changed = true;
    tell(proxy);
    pthread_mutex_unlock(&proxy->table.lock);
}

void real_proxy_reset(struct real_proxy *proxy, const bool *pairs) {
    pthread_mutex_lock(&proxy->table.lock);
    memcpy(proxy->table.resets, pairs, RULES_COUNT * sizeof *pairs);
    proxy->table.resets_wanted = true;
    tell(proxy);
    pthread_mutex_unlock(&proxy->table.lock);
}

bool real_proxy_inject(struct real_proxy *proxy, size_t to, const uint8_t *bytes,
                       size_t size_bytes) {
    struct real_table *table = &proxy->table;
    pthread_mutex_lock(&table->lock);
    table->injection = (struct real_injection){.to = to, .bytes = bytes, .size_bytes = size_bytes};
    tell(proxy);
    bool found = table->injection.found;
    pthread_mutex_unlock(&table->lock);
    return found;
}

struct real_traffic real_proxy_traffic(const struct real_proxy *proxy) {
    const struct real_counters *counters = &proxy->counters;
    return (struct real_traffic){
        .connections = atomic_load(&counters->connections),
        .frames = atomic_load(&counters->frames),
        .bytes = atomic_load(&counters->bytes),
        .lost = atomic_load(&counters->lost),
        .repeated = atomic_load(&counters->repeated),
        .reordered = atomic_load(&counters->reordered),
        .delayed = atomic_load(&counters->delayed),
        .corrupted = atomic_load(&counters->corrupted),
        .resets = atomic_load(&counters->resets),
        .fragments = atomic_load(&counters->fragments),
    };
}

uint64_t real_proxy_stalled(const struct real_proxy *proxy, enum scenario_class class) {
    return atomic_load(&proxy->counters.stalled[class]);
}

size_t real_proxy_pairs(const struct real_proxy *proxy) {
    return (size_t)atomic_load(&proxy->counters.pairs);
}
