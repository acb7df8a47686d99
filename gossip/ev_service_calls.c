/* ev_service_calls.c - operations of the host: put down, stepped in the next turn, answered by token.
 *
 * An operation is copied whole, because its memory is lent for the call only and the step comes later.
 */
#include "gossip/ev_service.h"

#include <string.h>

/* --- lists ------------------------------------------------------------------------------------------------------- */

static void calls_append(struct gossip__calls *calls, struct gossip__call *call) {
    assert(calls->last == NULL || calls->last->token < call->token);
    call->previous = calls->last;
    call->next = NULL;
    *(calls->last == NULL ? &calls->first : &calls->last->next) = call;
    calls->last = call;
}

static void calls_remove(struct gossip__calls *calls, struct gossip__call *call) {
    *(call->previous == NULL ? &calls->first : &call->previous->next) = call->next;
    *(call->next == NULL ? &calls->last : &call->next->previous) = call->previous;
}

static struct gossip__call *calls_find(const struct gossip__calls *calls, uint64_t token) {
    struct gossip__call *call =
        calls->first; /* replies come nearly in order: it is among the first */
    while (call != NULL && call->token != token) {
        call = call->next;
    }
    return call;
}

static void call_free(struct gossip_service *service, struct gossip__call *call) {
    merkle_release(service->allocator, call->operation);
    merkle_release(service->allocator, call);
}

/* --- copying ----------------------------------------------------------------------------------------------------- */

/* Bytes that the texts and bodies of an operation take. */
static bool bytes_measure(const struct gossip_operation *operation, size_t *size_bytes) {
    *size_bytes = operation->member.size_bytes;
    if (__builtin_add_overflow(*size_bytes, operation->key.entity.size_bytes, size_bytes) ||
        __builtin_add_overflow(*size_bytes, operation->key.name.size_bytes, size_bytes)) {
        return false;
    }
    for (size_t i = 0; i < operation->write_count; i++) {
        const struct catalog_write *write = &operation->writes[i];
        if (__builtin_add_overflow(*size_bytes, write->key.entity.size_bytes, size_bytes) ||
            __builtin_add_overflow(*size_bytes, write->key.name.size_bytes, size_bytes) ||
            __builtin_add_overflow(*size_bytes, write->take.size_bytes, size_bytes) ||
            __builtin_add_overflow(*size_bytes, write->body_size_bytes, size_bytes)) {
            return false;
        }
    }
    return true;
}

/* Copies bytes to where `*to` points, and moves it behind them. */
static const void *bytes_copy(uint8_t **to, const void *bytes, size_t size_bytes) {
    uint8_t *copy = *to;
    if (bytes == NULL) {
        return NULL;
    }
    memcpy(copy, bytes, size_bytes);
    *to += size_bytes;
    return copy;
}

static struct catalog_text text_copy(uint8_t **to, struct catalog_text text) {
    return (struct catalog_text){bytes_copy(to, text.data, text.size_bytes), text.size_bytes};
}

/* One block: the operation, its writes, the bytes of all. */
static struct gossip_operation *operation_copy(const struct merkle_allocator *allocator,
                                               const struct gossip_operation *operation) {
    size_t bytes;
    size_t size_bytes;
    static_assert(sizeof(struct gossip_operation) % _Alignof(struct catalog_write) == 0,
                  "writes can follow the operation");
    if (!bytes_measure(operation, &bytes) ||
        __builtin_mul_overflow(operation->write_count, sizeof *operation->writes, &size_bytes) ||
        __builtin_add_overflow(size_bytes, sizeof *operation, &size_bytes) ||
        __builtin_add_overflow(size_bytes, bytes, &size_bytes)) {
        return NULL;
    }
    struct gossip_operation *copy = merkle_allocate(allocator, size_bytes, 1);
    if (copy == NULL) {
        return NULL;
    }
    struct catalog_write *writes = (struct catalog_write *)(void *)(copy + 1);
    uint8_t *to = (uint8_t *)(writes + operation->write_count);
    *copy = *operation;
    copy->writes = writes;
    copy->member = text_copy(&to, operation->member);
    copy->key.entity = text_copy(&to, operation->key.entity);
    copy->key.name = text_copy(&to, operation->key.name);
    for (size_t i = 0; i < operation->write_count; i++) {
        const struct catalog_write *write = &operation->writes[i];
        writes[i] = *write;
        writes[i].key.entity = text_copy(&to, write->key.entity);
        writes[i].key.name = text_copy(&to, write->key.name);
        writes[i].take = text_copy(&to, write->take);
        writes[i].body = bytes_copy(&to, write->body, write->body_size_bytes);
    }
    assert(to <= (uint8_t *)copy + size_bytes);
    return copy;
}

/* --- the host's calls -------------------------------------------------------------------------------------------- */

int gossip_service_submit(struct gossip_service *service, struct gossip_operation *operation,
                          void (*on_reply)(void *context, const struct gossip_reply *reply),
                          void *context, uint64_t *token) {
    if (service->stop_wanted || service->driver.finished) {
        return GOSSIP_ESTOPPING;
    }
    struct gossip__call *call = merkle_allocate(service->allocator, 1, sizeof *call);
    if (call == NULL) {
        return GOSSIP_ENOMEM;
    }
    *call = (struct gossip__call){
        .token = service->token_last + 1,
        .on_reply = on_reply,
        .context = context,
        .operation = operation_copy(service->allocator, operation),
    };
    if (call->operation == NULL) {
        call_free(service, call);
        return GOSSIP_ENOMEM;
    }
    service->token_last = call->token;
    operation->token = call->token;
    call->operation->token = call->token;
    *token = call->token;
    calls_append(&service->queue, call);
    gossip__service_kick(service);
    return 0;
}

void gossip_service_cancel(struct gossip_service *service, uint64_t token) {
    struct gossip__calls *lists[] = {&service->queue, &service->waiting};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct gossip__call *call = calls_find(lists[i], token);
        if (call != NULL) {
            calls_remove(lists[i], call);
            call_free(service, call);
            return;
        }
    }
}

/* --- stepping and answering -------------------------------------------------------------------------------------- */

void gossip__service_reply(struct gossip_service *service, const struct gossip_reply *reply) {
    struct gossip__call *call = calls_find(&service->waiting, reply->token);
    if (call == NULL) {
        return; /* cancelled */
    }
    calls_remove(&service->waiting, call);
    void (*on_reply)(void *context, const struct gossip_reply *reply) = call->on_reply;
    void *context = call->context;
    call_free(service, call);
    on_reply(context, reply);
}

void gossip__service_calls_step(struct gossip_service *service) {
    uint64_t token_last = service->token_last; /* those that callbacks add wait for the next turn */
    while (service->queue.first != NULL && service->queue.first->token <= token_last) {
        struct gossip__call *call = service->queue.first;
        struct gossip_operation *operation = call->operation;
        uint64_t token = call->token;
        calls_remove(&service->queue, call);
        call->operation = NULL;
        calls_append(&service->waiting, call);
        struct gossip_event event = {.type = GOSSIP_OPERATION, .operation = operation};
        int result = gossip__driver_step(&service->driver, &event);
        merkle_release(service->allocator, operation);
        if (result != 0) {
            gossip__service_reply(service, &(struct gossip_reply){.token = token, .code = result});
        }
    }
}

static void calls_free(struct gossip_service *service, struct gossip__calls *calls) {
    while (calls->first != NULL) {
        struct gossip__call *call = calls->first;
        calls_remove(calls, call);
        call_free(service, call);
    }
}

void gossip__service_calls_free(struct gossip_service *service) {
    calls_free(service, &service->queue);
    calls_free(service, &service->waiting);
}
