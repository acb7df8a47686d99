/* ev_service.c - attune inside a host: start, stop, and what a host reads.
 *
 * Starting: options -> data directory -> store opened -> port bound -> engine made of what the store held -> store thread.
 * Each step can fail, and then what stood before it is taken down again. The first event (GOSSIP_START) is stepped in the
 * first turn of the loop, because its notices are callbacks.
 *
 * Stopping: GOSSIP_STOP -> the engine says stopped (nothing is on its way to the disk) -> connections written out and
 * closed -> on_stopped.
 */
#include "gossip/ev_service.h"
#include "gossip/engine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- turns ------------------------------------------------------------------------------------------------------- */

void gossip__service_kick(struct gossip_service *service) {
    ev_idle_start(service->loop, &service->kick);
}

void gossip__service_fatal(void *context, int code) {
    struct gossip_service *service = context;
    if (service->fatal_code == 0) {
        service->fatal_code = code;
        gossip__service_kick(service);
    }
}

static void freshness_publish(struct gossip_service *service) {
    gossip_time_ms now_ms = service->driver.now_ms;
    int64_t age_ms = gossip__agreement_age(service->engine, now_ms);
    uint64_t since_ms = GOSSIP__AGREED_UNKNOWN;
    if (age_ms >= 0 && !service->driver.finished) {
        bool alone = gossip__member_required_count(service->engine) == 1;
        since_ms = alone ? GOSSIP__AGREED_ALONE : now_ms - (uint64_t)age_ms;
    }
    atomic_store(&service->agreed_since_ms, since_ms);
}

/* The callback may free the service: whoever calls this touches it no more. */
static void stopped_tell(struct gossip_service *service) {
    void (*on_stopped)(void *context) = service->on_stopped;
    void *context = service->stopped_context;
    service->on_stopped = NULL;
    if (on_stopped != NULL) {
        on_stopped(context);
    }
}

static void on_turn(void *context) {
    struct gossip_service *service = context;
    freshness_publish(service);
    if (service->stopped && !service->drained) {
        service->drained = true;
        gossip__driver_drain(&service->driver);
        gossip__service_kick(service); /* what is flushed is written at the end of the next turn */
    } else if (service->drained && service->driver.connection_count == 0) {
        stopped_tell(service);
    }
}

static void stop_step(struct gossip_service *service) {
    struct gossip_event event = {.type = GOSSIP_STOP};
    service->stop_stepped = true;
    if (gossip__driver_step(&service->driver, &event) != 0) {
        service->stopped = true; /* nobody is left to be told */
    }
}

static void fatal_tell(struct gossip_service *service) {
    int code = service->fatal_code;
    service->fatal_code = 0;
    if (service->on_fatal == NULL) {
        fprintf(stderr, "attune: %s\n", gossip_error_message(code));
        abort();
    }
    service->on_fatal(service->context, code);
}

static void on_kick(struct ev_loop *loop, ev_idle *watcher, int events) {
    (void)events;
    struct gossip_service *service = watcher->data;
    ev_idle_stop(loop, watcher);
    if (!service->started) {
        service->started = true;
        (void)gossip__driver_start(&service->driver, service->engine);
    }
    gossip__service_calls_step(service);
    gossip__service_kept_step(service);
    if (service->stop_wanted && !service->stop_stepped) {
        stop_step(service);
    }
    if (service->queue.first != NULL) {
        gossip__service_kick(service);
    }
    if (service->fatal_code != 0) {
        fatal_tell(service);
    } else if (service->stop_now) {
        stopped_tell(service);
    }
}

/* --- what the engine wants --------------------------------------------------------------------------------------- */

static void notice_tell(void *context, const struct gossip_notice *notice) {
    struct gossip_service *service = context;
    if (service->on_notice != NULL) {
        service->on_notice(service->context, notice);
    }
}

static void update_tell(void *context, const struct gossip_update *update) {
    struct gossip_service *service = context;
    service->stopped = service->stopped || update->stopped;
    for (size_t i = 0; i < update->reply_count; i++) {
        gossip__service_reply(service, &update->replies[i]);
    }
    for (size_t i = 0; i < update->notice_count; i++) {
        notice_tell(service, &update->notices[i]);
    }
    if (update->kept_count > 0) {
        gossip__service_keep(service, update);
    }
}

/* --- starting ---------------------------------------------------------------------------------------------------- */

static int refuse(struct catalog_problem *problem, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int refuse(struct catalog_problem *problem, int code, const char *format, ...) {
    *problem = (struct catalog_problem){.code = code};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(problem->message, sizeof problem->message, format, arguments);
    va_end(arguments);
    return code;
}

static struct catalog_text text_of(const char *text) {
    return (struct catalog_text){text, strlen(text)};
}

static int name_check(const char *what, const char *name, struct catalog_problem *problem) {
    struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = text_of(name)};
    if (catalog_key_check(&key) == 0) {
        return 0;
    }
    return refuse(problem, CATALOG_EMALFORMED,
                  "the %s \"%.200s\" must have 1 to %d bytes of UTF-8, without control characters "
                  "and '/'",
                  what, name, CATALOG_NAME_SIZE_MAX);
}

static int address_check(const char *what, const char *address, struct catalog_problem *problem) {
    if (gossip__address_dialable(text_of(address))) {
        return 0;
    }
    return refuse(problem, GOSSIP_EADDRESS,
                  "the %s \"%.200s\" is not of the form HOST:PORT (an IPv6 address stands in "
                  "brackets)",
                  what, address);
}

/* Options with all defaults filled in. The host name is the service's. */
static int options_complete(struct gossip_service *service, struct gossip_service_options *options,
                            struct catalog_problem *problem) {
    if (options->node_name == NULL) {
        if (gethostname(service->host_name, sizeof service->host_name - 1) != 0) {
            service->host_name[0] = '\0';
        }
        options->node_name = service->host_name;
    }
    options->cluster_name = options->cluster_name != NULL ? options->cluster_name : "attune";
    options->gossip_address =
        options->gossip_address != NULL ? options->gossip_address : "127.0.0.1:7740";
    options->interval_ms = options->interval_ms != 0 ? options->interval_ms : 1000;
    options->freshness_limit_ms =
        options->freshness_limit_ms != 0 ? options->freshness_limit_ms : 5000;
    if (options->data_directory == NULL || options->data_directory[0] == '\0') {
        return refuse(problem, GOSSIP_EDIRECTORY, "no data directory was given");
    }
    if (options->seed_count > GOSSIP_SEEDS_MAX) {
        return refuse(problem, GOSSIP_EADDRESS, "more than %d nodes to join", GOSSIP_SEEDS_MAX);
    }
    int result = name_check("node name", options->node_name, problem);
    result = result != 0 ? result : name_check("cluster name", options->cluster_name, problem);
    if (result == 0 && options->advertise_address != NULL) {
        result = address_check("address to advertise", options->advertise_address, problem);
    }
    for (size_t i = 0; result == 0 && i < options->seed_count; i++) {
        result = address_check("address to join", options->seeds[i], problem);
    }
    return result;
}

static int directory_make(const char *directory, struct catalog_problem *problem) {
    struct stat status;
    if (mkdir(directory, 0700) == 0) {
        return 0;
    }
    int error = errno;
    if (error != EEXIST) {
        return refuse(problem, GOSSIP_EDIRECTORY, "cannot make the data directory %.300s: %s",
                      directory, strerror(error));
    }
    if (stat(directory, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return refuse(problem, GOSSIP_EDIRECTORY, "%.300s is not a directory", directory);
    }
    return 0;
}

static int listen_open(struct gossip_service *service, const struct gossip_service_options *options,
                       struct catalog_problem *problem) {
    struct gossip__address bound;
    int result = gossip__listener_open(&service->driver, options->gossip_address, options->insecure,
                                       problem);
    if (result != 0) {
        return result;
    }
    const char *address = service->driver.listener.address;
    bool parsed = gossip__address_parse(text_of(address), &bound) == 0;
    assert(parsed);
    if (options->advertise_address != NULL) {
        address = options->advertise_address;
    } else if (strcmp(bound.host, "0.0.0.0") == 0 || strcmp(bound.host, "::") == 0) {
        return refuse(problem, GOSSIP_EADDRESS,
                      "listening on every address (%.100s), this node does not know at which one "
                      "its peers reach it: give the address to advertise",
                      address);
    }
    assert(strlen(address) < sizeof service->advertised);
    strcpy(service->advertised, address);
    return 0;
}

static void draw(void *bytes, size_t size_bytes) {
    ssize_t drawn;
    do {
        drawn = getrandom(bytes, size_bytes, 0);
    } while (drawn < 0 && errno == EINTR);
    assert(drawn == (ssize_t)size_bytes); /* up to 256 bytes come whole */
}

static int engine_make(struct gossip_service *service, const struct gossip_service_options *options,
                       const struct catalog_load *load, struct catalog_problem *problem) {
    struct gossip_config config = {
        .allocator = service->allocator,
        .cluster_name = options->cluster_name,
        .node_name = options->node_name,
        .address = service->advertised,
        .seeds = options->seeds,
        .seed_count = options->seed_count,
        .interval_ms = options->interval_ms,
        .freshness_limit_ms = options->freshness_limit_ms,
        .pushes_lost = options->pushes_lost,
    };
    draw(&config.random_seed, sizeof config.random_seed);
    draw(&config.origin, sizeof config.origin);
    draw(&config.fresh_node_id, sizeof config.fresh_node_id);
    draw(&config.fresh_cluster_id, sizeof config.fresh_cluster_id);
    int result = gossip_new(&config, load, &service->engine);
    if (result != 0) {
        return refuse(problem, result, "cannot start: %s", gossip_error_message(result));
    }
    service->catalog = gossip_catalog(service->engine);
    return 0;
}

static int store_open(struct gossip_service *service, const struct gossip_service_options *options,
                      struct catalog_load **load, struct catalog_problem *problem) {
    int result = directory_make(options->data_directory, problem);
    return result != 0 ? result
                       : catalog_store_open(service->allocator, options->data_directory,
                                            options->cluster_name, &service->store, load, problem);
}

/* The steps of the head of this file. What has been made is the service's, whatever fails. */
static int service_make(struct gossip_service *service, struct gossip_service_options *options,
                        struct catalog_problem *problem) {
    struct catalog_load *load = NULL;
    int result = options_complete(service, options, problem);
    if (result == 0) {
        result = store_open(service, options, &load, problem);
    }
    if (result == 0) {
        result = listen_open(service, options, problem);
    }
    if (result == 0) {
        result = engine_make(service, options, load, problem);
    }
    if (result == 0) {
        result = gossip__service_store_start(service);
        if (result != 0) {
            result = refuse(problem, GOSSIP_ENOMEM, "cannot start the store's thread");
        }
    }
    if (load != NULL) {
        catalog_load_free(load);
    }
    return result;
}

int gossip_service_start(const struct gossip_service_options *options, struct ev_loop *loop,
                         struct gossip_service **service, struct catalog_problem *problem) {
    const struct merkle_allocator *allocator = &merkle_allocator_libc;
    struct gossip_service *made = merkle_allocate_zeroed(allocator, 1, sizeof *made);
    if (made == NULL) {
        return refuse(problem, GOSSIP_ENOMEM, "out of memory");
    }
    made->loop = loop;
    made->allocator = allocator;
    made->on_notice = options->on_notice;
    made->on_fatal = options->on_fatal;
    made->context = options->context;
    atomic_init(&made->agreed_since_ms, GOSSIP__AGREED_UNKNOWN);
    ev_idle_init(&made->kick, on_kick);
    ev_set_priority(&made->kick, EV_MAXPRI); /* else it would wait until the host is idle */
    made->kick.data = made;
    struct gossip__driver_hooks hooks = {
        .store = gossip__service_store_submit,
        .tell = update_tell,
        .notice = notice_tell,
        .turn = on_turn,
        .fatal = gossip__service_fatal,
        .context = made,
    };
    struct gossip_service_options completed = *options;
    int result = gossip__driver_init(&made->driver, loop, allocator, &hooks);
    if (result != 0) {
        (void)refuse(problem, result, "out of memory");
    } else {
        result = service_make(made, &completed, problem);
    }
    if (result != 0) {
        gossip_service_free(made);
        return result;
    }
    gossip__service_kick(made);
    *service = made;
    return 0;
}

/* --- stopping ---------------------------------------------------------------------------------------------------- */

void gossip_service_stop(struct gossip_service *service, bool now,
                         void (*on_stopped)(void *context), void *context) {
    service->stop_wanted = true;
    service->stop_now = service->stop_now || now;
    service->on_stopped = on_stopped;
    service->stopped_context = context;
    gossip__service_kick(service);
}

void gossip_service_free(struct gossip_service *service) {
    if (service == NULL) {
        return;
    }
    gossip__driver_close(&service->driver);
    ev_idle_stop(service->loop, &service->kick);
    gossip__service_store_stop(service);
    gossip__service_calls_free(service);
    gossip_free(service->engine);
    if (service->store != NULL) {
        catalog_store_close(service->store);
    }
    merkle_release(service->allocator, service);
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

const char *gossip_service_address(const struct gossip_service *service) {
    return service->driver.listener.address;
}

struct gossip *gossip_service_engine(struct gossip_service *service) {
    return service->engine;
}

gossip_time_ms gossip_service_now(const struct gossip_service *service) {
    return service->driver.now_ms;
}

uint64_t gossip_service_wall(const struct gossip_service *service) {
    return service->driver.wall_ms;
}

struct catalog_store_times gossip_service_store_times(struct gossip_service *service) {
    return catalog_store_thread_times(service->thread);
}

const uint64_t *gossip_service_closed(const struct gossip_service *service) {
    return service->driver.closed;
}

/* [any thread] */
static int64_t agreement_age(struct gossip_service *service) {
    struct timespec now;
    uint64_t since_ms = atomic_load(&service->agreed_since_ms);
    if (since_ms == GOSSIP__AGREED_UNKNOWN || clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        return -1;
    }
    if (since_ms == GOSSIP__AGREED_ALONE) {
        return 0;
    }
    uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    return now_ms > since_ms ? (int64_t)(now_ms - since_ms) : 0;
}

int gossip_service_check(struct gossip_service *service, struct catalog_text entity,
                         const char *record, size_t size_bytes, gossip_duration_ms max_staleness_ms,
                         struct catalog_check **check, int64_t *agreement_age_ms,
                         struct catalog_problem *problem) {
    int64_t age_ms = agreement_age(service);
    if (agreement_age_ms != NULL) {
        *agreement_age_ms = age_ms;
    }
    if (max_staleness_ms != GOSSIP_NEVER && (age_ms < 0 || (uint64_t)age_ms > max_staleness_ms)) {
        return GOSSIP_ESTALE;
    }
    return catalog_check(service->catalog, entity, record, size_bytes, check, problem);
}

struct catalog_entry *gossip_service_get(struct gossip_service *service,
                                         const struct catalog_key *key) {
    return catalog_get(service->catalog, key);
}
