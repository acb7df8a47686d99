/* http.h - one HTTP request, from its bytes to its answer, without the HTTP library.
 *
 *   ev_http.c (libmicrohttpd, libev)                            no library
 *      request line, headers ----> http_request_begin()         http_target.c  parts and parameters, decoded
 *                                                               http_origin.c  web pages; 403
 *                                                               http_route.c   the table; 404, 405, unknown flags
 *      body, in pieces ----------> http_request_take()          limits
 *      end of the body ----------> http_request_handle() -----> http_*.c       one file for each thing of the API
 *                                        | answered at once, or http_submit(): waiting
 *      resume, queue the answer <--------+ later: server->resume()
 *
 * A handler either calls http_answer() / http_refuse*() or http_submit(); exactly one of them.
 */
#ifndef ATTUNED_HTTP_H
#define ATTUNED_HTTP_H

#include "bin/attuned/http_print.h"
#include "bin/attuned/watch.h"
#include "gossip/service.h"

enum http_method { HTTP_OTHER = 0, HTTP_GET = 1, HTTP_PUT = 2, HTTP_DELETE = 3, HTTP_POST = 4 };

enum {
    HTTP_PARTS_MAX = 8,
    HTTP_PARAMETERS_MAX = 16,
    HTTP_IF_MATCH_SIZE_MAX = 64,
    HTTP_BODY_SIZE_MAX = 1024 * 1024,
    HTTP_IMPORT_SIZE_MAX = 256 * 1024 * 1024,
    HTTP_BODIES_SIZE_MAX = 512 * 1024 * 1024, /* of all requests together; above: 503 busy */
    /* read over the limit so that the client gets to see the 413 */
    HTTP_DISCARD_SIZE_MAX = 16 * 1024 * 1024,
    HTTP_CONNECTIONS_MAX = 256,
    HTTP_IDLE_TIMEOUT_S = 60,
    HTTP_RETRY_AFTER_S = 1,
    HTTP_WAIT_MS = 5000,     /* `wait` without a value */
    HTTP_STAGED_MS = 30000,  /* `staged` without `wait`: it has three agreements to wait for */
    HTTP_PROBLEMS_MAX = 100, /* of the audit, kept for the status */
    HTTP_PENDING_MAX = 100,  /* pending changes, kept for the same */
    HTTP_PENDING_WARNED_MS = 60000, /* a pending change this old is one that nobody finishes */
    HTTP_COMPLAINT_SIZE_MAX = 320,
    HTTP_KEPT_SIZE_MAX = 1000,
};

struct http_request;

struct http_parameter {
    struct catalog_text name, value;
    bool value_given; /* `?wait` has none, `?wait=` an empty one */
};

struct http_route {
    const char *path; /* "/v1/schemas/{}": {} is one part of the path, of any content */
    enum http_method method;
    uint16_t kind; /* of entries; else 0 */
    void (*handle)(struct http_request *request);
    const char *parameters; /* known ones, each between spaces */
    size_t body_size_max;
    bool on_metrics; /* served by the listener of --metrics as well */
};

enum http_agreement {
    HTTP_AGREEMENT_AGREED = 0,
    HTTP_AGREEMENT_NOT_AGREED = 1,
    HTTP_AGREEMENT_FAILED = 2,
    HTTP_AGREEMENT_COUNT = 3,
};

/* Counts for the metrics. */
struct http_counters {
    uint64_t answers[6]; /* by status class: [2] is 2xx */
    uint64_t agreements[HTTP_AGREEMENT_COUNT];
    uint64_t stale; /* checks that were refused for that */
};

/* An entry in the middle of a staged change. */
struct http_pending {
    uint16_t kind;
    char entity[CATALOG_NAME_SIZE_MAX + 1], name[CATALOG_NAME_SIZE_MAX + 1];
    char node[CATALOG_NAME_SIZE_MAX + 1]; /* to whom it belongs */
    enum catalog_state state;
    uint64_t since_wall_ms;
};

/* What looking through the catalog found, kept until it changes. */
struct http_audit {
    bool known;
    uint64_t changes;
    gossip_time_ms at_ms;
    struct catalog_problem problems[HTTP_PROBLEMS_MAX];
    size_t problem_count; /* that there are, also above HTTP_PROBLEMS_MAX */
    struct http_pending pending[HTTP_PENDING_MAX];
    size_t pending_count; /* that there are */
};

struct http_server {
    struct gossip_service *service;
    void (*resume)(struct http_request *request); /* the answer of a waiting request is complete */
    const char *
        listened; /* HOST:PORT as the operator wrote it; NULL: a UNIX socket, whose clients name any host */
    size_t bodies_size_bytes;
    size_t waiting_count;
    struct http_counters counters;
    struct http_audit audit;
    bool stopping;
    gossip_duration_ms freshness_limit_ms;
    struct watch *watch; /* NULL until the service is there */
    /* since the start, empty: nothing: what the store last complained of, which file has what this node alone had */
    char store_complaint[HTTP_COMPLAINT_SIZE_MAX], kept[HTTP_KEPT_SIZE_MAX];
    uint64_t store_complaint_wall_ms;
};

/* What a request says of agreement. */
struct http_wait {
    bool given; /* else what is asked for is answered when it is stored here */
    gossip_duration_ms timeout_ms;
    bool skip_dead;
    unsigned status; /* of the answer, once agreed */
};

struct http_request {
    struct http_server *server;
    bool metrics_only; /* came to the listener of --metrics */

    char *target; /* owned; decoded in place */
    enum http_method method;
    const struct http_route *route;
    struct catalog_text parts[HTTP_PARTS_MAX];
    size_t part_count;
    struct http_parameter parameters[HTTP_PARAMETERS_MAX];
    size_t parameter_count;
    char if_match[HTTP_IF_MATCH_SIZE_MAX];      /* empty: none */
    char last_event_id[HTTP_IF_MATCH_SIZE_MAX]; /* the same */

    struct merkle_buffer body;
    size_t body_size_max;
    size_t discarded_size_bytes;

    bool answered;
    unsigned status;
    struct merkle_buffer answer;
    const char *content_type;
    char etag[32];  /* empty: none */
    char allow[64]; /* empty: none */
    bool retry_after;

    struct http_wait wait;
    bool created;            /* of a staged change: 201 at its end */
    struct watcher *watcher; /* the answer goes on as its stream; owned */

    bool waiting;
    bool written;     /* a part of it is done: a write that waits for agreement stands */
    bool cancellable; /* nobody but this client is served by the operation */
    uint64_t token;
    void (*on_reply)(struct http_request *request, const struct gossip_reply *reply);
};

/* Keeps of a notice what answers need: changes for watchers, complaints of the store. */
void http_server_notice(struct http_server *server, const struct gossip_notice *notice);

/* Of the headers those that matter here; NULL: not sent. */
struct http_headers {
    const char *if_match, *host, *origin, *last_event_id;
};

/* --- the life of a request (http_request.c) */

/* Takes over `target` (malloc), as it stood in the request line. */
void http_request_init(struct http_request *request, struct http_server *server, char *target);
/* Method and headers are known: routes. Afterwards the request may be answered already. */
void http_request_begin(struct http_request *request, const char *method,
                        const struct http_headers *headers);
/* A piece of the body. False: far over the limit; the connection is to be closed. */
bool http_request_take(struct http_request *request, const void *bytes, size_t size_bytes);
/* The body is complete: answered or waiting afterwards. */
void http_request_handle(struct http_request *request);
void http_request_close(struct http_request *request);
/* Stops waiting and answers 503: the client has gone, or the daemon stops. */
void http_request_abandon(struct http_request *request, int code);

/* --- what handlers call */

/* The answer is complete in request->answer. */
void http_answer(struct http_request *request, unsigned status);
/* Starts an operation of the service; `on_reply` then answers. Refuses by itself if that fails. */
void http_submit(struct http_request *request, struct gossip_operation *operation,
                 void (*on_reply)(struct http_request *request, const struct gossip_reply *reply));
struct catalog *http_catalog(struct http_request *request);
/* The parameter, NULL if it was not given. */
const struct http_parameter *http_parameter(const struct http_request *request, const char *name);
/* Reads a flag (=1, =true, =0, =false); false if it is anything else: refused then. */
bool http_flag(struct http_request *request, const char *name, bool *flag);
/* Reads a duration; untouched if not given; false: refused. */
bool http_duration(struct http_request *request, const char *name, gossip_duration_ms *duration_ms);
/* Reads If-Match into the write; false: refused. */
bool http_if_match(struct http_request *request, struct catalog_write *write);

/* --- http_target.c */

/* Splits and decodes request->target. False with 400 answered. */
bool http_target_parse(struct http_request *request);
/* Decodes %XX in place; '+' is a space if `plus`. False if malformed. */
bool http_decode(char *text, size_t *size_bytes, bool plus);

/* --- http_origin.c */

/* Refuses what a web page sent, by the headers Host and Origin. False with 403 answered. */
bool http_origin_check(struct http_request *request, const char *host, const char *origin);
/* Whether a Host is one that nobody else can lead to this address: an IP literal, localhost, the host of `listened`. */
bool http_origin_host_is_ours(const char *text, const char *listened);

/* --- http_route.c */

enum http_method http_method_parse(const char *name);
/* Finds the route and checks the parameters; false with 404, 405 or 400 answered. */
bool http_route_find(struct http_request *request);

/* --- http_error.c */

/* The status of an error of the service or the catalog. */
unsigned http_status_of(int code);
/* Answers with the error object. `message` NULL: the code's own. */
void http_refuse(struct http_request *request, int code, const char *message);
/* With a status and a name that stand in no table. */
void http_refuse_named(struct http_request *request, unsigned status, const char *name,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
/* With the members of the reply as details. */
void http_refuse_agreement(struct http_request *request, const struct gossip_reply *reply,
                           const char *format, ...) __attribute__((format(printf, 3, 4)));
/* One problem: as http_refuse. Several, or `with_lines`: all of them in the details. */
void http_refuse_problems(struct http_request *request, const struct catalog_problem *problems,
                          size_t problem_count, bool with_lines);
/* Refuses what went wrong with an operation; false if nothing did. */
bool http_refuse_reply(struct http_request *request, const struct gossip_reply *reply,
                       bool with_lines);

/* --- shared by answers */

struct http_warning {
    const char *code;
    char message[CATALOG_NAME_SIZE_MAX + 480];
};
/* Appends [{"code","message"}...]: what an operator should look at. */
void http_print_warnings(struct merkle_buffer *json, const struct gossip_status *status,
                         const struct gossip_member_status *members, size_t member_count,
                         const struct http_audit *audit, uint64_t wall_ms);
/* How old a pending change is. */
uint64_t http_pending_age(const struct http_pending *pending, uint64_t wall_ms);
void http_print_member(struct merkle_buffer *json, const struct gossip_member_status *member);
/* All members, allocated (free()); NULL: out of memory. */
struct gossip_member_status *http_members_read(struct http_request *request, size_t *count);
/* Appends {"name","state","since_ms"}, ... : each member, and whether it has confirmed. */
void http_print_agreement(struct merkle_buffer *json, const struct gossip_reply *reply);
/* Looks at the catalog again if it has changed since. */
void http_audit_refresh(struct http_server *server);
/* Looks through this catalog. */
void http_audit_catalog(struct http_audit *audit, const struct catalog *catalog);

#endif
