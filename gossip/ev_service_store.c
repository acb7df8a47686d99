/* ev_service_store.c - batches to the store's thread, and what became of them back into the engine; and the file of what a
 * node alone had when it took a new id. */
#include "gossip/ev_service.h"

#include <stdio.h>

void gossip__service_store_submit(void *context, const struct gossip_update *update) {
    struct gossip_service *service = context;
    for (size_t i = 0; i < update->batch_count; i++) {
        if (catalog_store_thread_submit(service->thread, &update->batches[i]) != 0) {
            /* A batch is missing in the order of batches: what follows must not be stored without it. */
            service->driver.finished = true;
            gossip__service_fatal(service, GOSSIP_EFATAL);
            return;
        }
    }
}

static void done_step(struct gossip_service *service, const struct catalog_store_done *done) {
    struct gossip_event event;
    if (done->reopened != NULL) {
        event = (struct gossip_event){.type = GOSSIP_REOPENED, .reopened = done->reopened};
    } else {
        event = (struct gossip_event){.type = GOSSIP_STORED,
                                      .stored = {.ticket = done->ticket, .result = done->result}};
    }
    (void)gossip__driver_step(&service->driver, &event);
    if (done->reopened != NULL) {
        catalog_load_free(done->reopened);
    }
}

/* A bounded number a turn; if there are more, the loop comes here again. */
static void on_stored(struct ev_loop *loop, ev_async *watcher, int events) {
    (void)events;
    enum { DONE_PER_TURN = 64 };
    struct gossip_service *service = watcher->data;
    struct catalog_store_done done[DONE_PER_TURN];
    size_t count = catalog_store_thread_take(service->thread, done, DONE_PER_TURN);
    for (size_t i = 0; i < count; i++) {
        done_step(service, &done[i]);
    }
    if (count == DONE_PER_TURN) {
        ev_async_send(loop, watcher);
    }
}

/* From the store's thread. */
static void on_notify(void *context) {
    struct gossip_service *service = context;
    ev_async_send(service->loop, &service->stored);
}

/* --- what was kept ----------------------------------------------------------------------------------------------- */

static void keep_notice(struct gossip_service *service, enum gossip_notice_type type,
                        enum gossip_severity severity, const char *text) {
    if (service->on_notice != NULL) {
        service->on_notice(service->context, &(struct gossip_notice){
                                                 .type = type, .severity = severity, .text = text});
    }
}

/* It happens once in the life of a disk, so it may take the loop's time. If it fails, the engine asks again. */
void gossip__service_keep(struct gossip_service *service, const struct gossip_update *update) {
    struct catalog_problem problem;
    char path[CATALOG_KEPT_PATH_SIZE];
    char text[sizeof path + 160];
    int result = catalog_store_keep(service->store, update->kept, update->kept_count,
                                    service->driver.wall_ms, path, &problem);
    if (result != 0) {
        (void)snprintf(text, sizeof text, "what this node alone had could not be written: %.300s",
                       problem.message);
        keep_notice(service, GOSSIP_NOTICE_STORE, GOSSIP_ERROR, text);
        return;
    }
    (void)snprintf(text, sizeof text,
                   "%zu entries that this node alone had are in %s: look at them, and import what "
                   "is still wanted",
                   update->kept_count, path);
    keep_notice(service, GOSSIP_NOTICE_KEPT, GOSSIP_WARNING, text);
    service->kept_written = true;
    gossip__service_kick(service);
}

void gossip__service_kept_step(struct gossip_service *service) {
    if (service->kept_written) {
        service->kept_written = false;
        struct gossip_event event = {.type = GOSSIP_KEPT};
        (void)gossip__driver_step(&service->driver, &event);
    }
}

/* --- the thread ---------------------------------------------------------------------------------------------------- */

int gossip__service_store_start(struct gossip_service *service) {
    ev_async_init(&service->stored, on_stored);
    service->stored.data = service;
    ev_async_start(service->loop, &service->stored);
    int result = catalog_store_thread_start(service->allocator, service->store, on_notify, service,
                                            &service->thread);
    if (result != 0) {
        ev_async_stop(service->loop, &service->stored);
    }
    return result;
}

void gossip__service_store_stop(struct gossip_service *service) {
    if (service->thread != NULL) {
        catalog_store_thread_stop(service->thread);
        service->thread = NULL;
        ev_async_stop(service->loop, &service->stored);
    }
}
