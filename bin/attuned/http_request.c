/* http_request.c - the life of one request, and what handlers ask of it. */
#include "bin/attuned/duration.h"
#include "bin/attuned/http.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void http_request_init(struct http_request *request, struct http_server *server, char *target) {
    *request = (struct http_request){
        .server = server, .target = target, .content_type = "application/json"};
    merkle_buffer_init(&request->body, &merkle_allocator_libc);
    merkle_buffer_init(&request->answer, &merkle_allocator_libc);
}

/* One that does not fit is none of ours; those who read it refuse the text that stands for it. */
static void copy_header(char to[HTTP_IF_MATCH_SIZE_MAX], const char *header) {
    if (header == NULL)
        return;
    size_t size_bytes = strlen(header);
    strcpy(to, size_bytes == 0 || size_bytes >= HTTP_IF_MATCH_SIZE_MAX ? "?" : header);
}

void http_request_begin(struct http_request *request, const char *method,
                        const struct http_headers *headers) {
    request->method = http_method_parse(method);
    if (!http_origin_check(request, headers->host, headers->origin) ||
        !http_target_parse(request) || !http_route_find(request))
        return;
    copy_header(request->if_match, headers->if_match);
    copy_header(request->last_event_id, headers->last_event_id);
}

/* The memory of all bodies together is bounded (G8); what is refused is still read, so that the client sees why. */
static void give_body_back(struct http_request *request) {
    assert(request->server->bodies_size_bytes >= request->body.size_bytes);
    request->server->bodies_size_bytes -= request->body.size_bytes;
    merkle_buffer_close(&request->body);
    merkle_buffer_init(&request->body, &merkle_allocator_libc);
}

static bool discard(struct http_request *request, size_t size_bytes) {
    give_body_back(request);
    request->discarded_size_bytes += size_bytes;
    return request->discarded_size_bytes <= HTTP_DISCARD_SIZE_MAX;
}

bool http_request_take(struct http_request *request, const void *bytes, size_t size_bytes) {
    struct http_server *server = request->server;
    if (request->answered)
        return discard(request, size_bytes);
    if (request->body_size_max == 0)
        http_refuse_named(request, 400, "malformed", "this request takes no body");
    else if (size_bytes > request->body_size_max - request->body.size_bytes)
        http_refuse_named(request, 413, "too_big", "the body is larger than %zu bytes",
                          request->body_size_max);
    else if (size_bytes > HTTP_BODIES_SIZE_MAX - server->bodies_size_bytes)
        http_refuse(request, GOSSIP_EBUSY, "too many large bodies at once; try again");
    else if (merkle_buffer_append(&request->body, bytes, size_bytes) != 0)
        http_refuse(request, GOSSIP_ENOMEM, NULL);
    if (request->answered)
        return discard(request, size_bytes);
    server->bodies_size_bytes += size_bytes;
    return true;
}

void http_request_handle(struct http_request *request) {
    if (request->answered)
        return;
    assert(request->route != NULL && !request->waiting);
    request->route->handle(request);
    assert(request->answered != request->waiting);
    give_body_back(request); /* the service has copied what it keeps */
}

void http_request_close(struct http_request *request) {
    assert(!request->waiting);
    give_body_back(request);
    merkle_buffer_close(&request->answer);
    watcher_close(request->watcher);
    request->watcher = NULL;
    free(request->target);
    request->target = NULL;
}

void http_request_abandon(struct http_request *request, int code) {
    assert(request->waiting);
    gossip_service_cancel(request->server->service, request->token);
    request->waiting = false;
    request->server->waiting_count--;
    http_refuse(request, code,
                request->written
                    ? "the write stands on this node; who else has it was not waited for"
                    : NULL);
    request->server->resume(request);
}

/* --- the server -------------------------------------------------------------------------------------------------- */

void http_server_notice(struct http_server *server, const struct gossip_notice *notice) {
    struct gossip_service *service = server->service;
    if (notice->type == GOSSIP_NOTICE_CHANGED && notice->entry != NULL) {
        watch_change(server->watch, notice->entry);
    } else if (notice->type == GOSSIP_NOTICE_STORE && notice->severity == GOSSIP_ERROR &&
               notice->text != NULL) {
        snprintf(server->store_complaint, sizeof server->store_complaint, "%s", notice->text);
        server->store_complaint_wall_ms = gossip_service_wall(service);
    } else if (notice->type == GOSSIP_NOTICE_KEPT && notice->text != NULL) {
        snprintf(server->kept, sizeof server->kept, "%s", notice->text);
    } else if (notice->type == GOSSIP_NOTICE_EMPTIED) {
        watch_restart(server->watch);
    }
}

/* --- what handlers call ------------------------------------------------------------------------------------------ */

void http_answer(struct http_request *request, unsigned status) {
    assert(!request->answered && status >= 100 && status < 600);
    request->answered = true;
    request->status = status;
    if (request->answer.failed) {
        /* Memory was short while it was printed: half an answer is none. */
        merkle_buffer_clear(&request->answer);
        request->status = 503;
        request->retry_after = true;
        request->etag[0] = '\0';
    }
    request->server->counters.answers[request->status / 100]++;
}

static void take_reply(void *context, const struct gossip_reply *reply) {
    struct http_request *request = context;
    assert(request->waiting);
    request->waiting = false;
    request->server->waiting_count--;
    request->on_reply(request, reply);
    assert(request->answered != request->waiting); /* one that waits again: http_answer_waited */
    if (request->answered)
        request->server->resume(request);
}

void http_submit(struct http_request *request, struct gossip_operation *operation,
                 void (*on_reply)(struct http_request *request, const struct gossip_reply *reply)) {
    request->on_reply = on_reply;
    request->cancellable = operation->type == GOSSIP_SYNC || operation->type == GOSSIP_DIFF ||
                           operation->type == GOSSIP_AGREEMENT;
    int code = gossip_service_submit(request->server->service, operation, take_reply, request,
                                     &request->token);
    if (code != 0) {
        http_refuse(request, code, NULL);
        return;
    }
    request->waiting = true;
    request->server->waiting_count++;
}

struct catalog *http_catalog(struct http_request *request) {
    return gossip_catalog(gossip_service_engine(request->server->service));
}

const struct http_parameter *http_parameter(const struct http_request *request, const char *name) {
    size_t size_bytes = strlen(name);
    for (size_t i = 0; i < request->parameter_count; i++) {
        if (request->parameters[i].name.size_bytes == size_bytes &&
            memcmp(request->parameters[i].name.data, name, size_bytes) == 0)
            return &request->parameters[i];
    }
    return NULL;
}

static bool is(struct catalog_text text, const char *word) {
    return text.size_bytes == strlen(word) && memcmp(text.data, word, text.size_bytes) == 0;
}

bool http_flag(struct http_request *request, const char *name, bool *flag) {
    const struct http_parameter *parameter = http_parameter(request, name);
    *flag = false;
    if (parameter == NULL)
        return true;
    *flag = is(parameter->value, "1") || is(parameter->value, "true");
    if (*flag || is(parameter->value, "0") || is(parameter->value, "false"))
        return true;
    http_refuse_named(request, 400, "malformed", "%s is =1 or =true, =0 or =false", name);
    return false;
}

bool http_duration(struct http_request *request, const char *name,
                   gossip_duration_ms *duration_ms) {
    const struct http_parameter *parameter = http_parameter(request, name);
    if (parameter == NULL ||
        duration_parse(parameter->value.data, parameter->value.size_bytes, duration_ms))
        return true;
    http_refuse_named(request, 400, "malformed", "%s is %s", name, DURATION_EXPECTED);
    return false;
}

/* A number, or the ETag of an answer, which is the number in quotes. */
bool http_if_match(struct http_request *request, struct catalog_write *write) {
    const char *text = request->if_match;
    size_t size_bytes = strlen(text);
    if (size_bytes == 0)
        return true;
    if (size_bytes >= 2 && text[0] == '"' && text[size_bytes - 1] == '"') {
        text++;
        size_bytes -= 2;
    }
    uint64_t number = 0;
    bool valid = size_bytes > 0 && size_bytes <= 19;
    for (size_t i = 0; i < size_bytes && valid; i++) {
        valid = text[i] >= '0' && text[i] <= '9';
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    if (!valid) {
        http_refuse_named(request, 400, "malformed",
                          "If-Match takes one number, or the ETag of an answer; 0 means that the "
                          "entry must not exist");
        return false;
    }
    write->number_expected = true;
    write->number = number;
    return true;
}
