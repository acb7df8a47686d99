/* ev_service_store.c - batches to the store's thread, and what became of them back into the engine. */
#include "gossip/ev_service.h"

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
