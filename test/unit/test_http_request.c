/* test_http_request.c - a request without network and service: its target, its route, its limits, its refusals. */
#include "bin/attuned/http_handlers.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct http_server server;

static void begin(struct http_request *request, const char *method, const char *target) {
    server = (struct http_server){0};
    http_request_init(request, &server, strdup(target));
    http_request_begin(request, method, &(struct http_headers){0});
}

/* The error's name, checked to be an error object as DESIGN 10.2 shows it. */
static const char *error_of(const struct http_request *request) {
    static char code[64];
    json_t *root = json_loadb((char *)request->answer.data, request->answer.size_bytes, 0, NULL);
    const json_t *error = json_object_get(root, "error");
    ck_assert(json_is_string(json_object_get(error, "message")));
    ck_assert(json_is_array(json_object_get(error, "details")));
    snprintf(code, sizeof code, "%s", json_string_value(json_object_get(error, "code")));
    json_decref(root);
    return code;
}

/* Percent-encoding is decoded once, and malformed one is refused. */
START_TEST(decoding) {
    static const struct {
        const char *text, *decoded; /* NULL: refused */
        bool plus;
    } cases[] = {
        {"", "", false},       {"a%20b", "a b", false},       {"%2F%2f", "//", false},
        {"a+b", "a+b", false}, {"a+b", "a b", true},          {"%252F", "%2F", false},
        {"%", NULL, false},    {"%4", NULL, false},           {"%4x", NULL, false},
        {"%%41", NULL, false}, {"%c3%A4", "\xc3\xa4", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = strdup(cases[i].text);
        size_t size_bytes = strlen(text);
        bool decoded = http_decode(text, &size_bytes, cases[i].plus);
        ck_assert_msg(decoded == (cases[i].decoded != NULL), "%s", cases[i].text);
        if (decoded) {
            ck_assert_uint_eq(size_bytes, strlen(cases[i].decoded));
            ck_assert_mem_eq(text, cases[i].decoded, size_bytes);
        }
        free(text);
    }
}
END_TEST

/* The path is split before it is decoded, so a part may hold a slash; parameters have names and values. */
START_TEST(target_is_split_first) {
    struct http_request request;
    begin(&request, "GET", "/v1/constraints/a%2Fb/%00c?");
    ck_assert(!request.answered);
    ck_assert_uint_eq(request.part_count, 4);
    ck_assert_uint_eq(request.parts[2].size_bytes, 3);
    ck_assert_mem_eq(request.parts[2].data, "a/b", 3);
    ck_assert_uint_eq(request.parts[3].size_bytes, 2);
    ck_assert_mem_eq(request.parts[3].data, "\0c", 2);
    http_request_close(&request);
    begin(&request, "GET", "/v1/constraints?&entity=a%26b&");
    ck_assert_uint_eq(request.parameter_count, 1);
    const struct http_parameter *entity = http_parameter(&request, "entity");
    ck_assert_ptr_nonnull(entity);
    ck_assert_uint_eq(entity->value.size_bytes, 3);
    ck_assert_mem_eq(entity->value.data, "a&b", 3);
    ck_assert_ptr_null(http_parameter(&request, "ent"));
    http_request_close(&request);
}
END_TEST

/* Each path of the table is found with its methods; others are 404, 405 with Allow, 400. */
START_TEST(routes) {
    static const struct {
        const char *method, *target;
        unsigned status; /* 0: routed */
        const char *code, *allow;
    } cases[] = {
        {"GET", "/v1/status", 0, "", ""},
        {"HEAD", "/v1/status", 0, "", ""},
        {"PUT", "/v1/schemas/posts?dry_run=1", 0, "", ""},
        {"DELETE", "/v1/schemas/posts?cascade=1&dry_run=1", 0, "", ""},
        {"GET", "/v1/constraints?entity=x", 0, "", ""},
        {"POST", "/v1/check/posts?max_staleness=5s", 0, "", ""},
        {"POST", "/v1/sync?member=n2", 0, "", ""},
        {"GET", "/livez", 0, "", ""},
        {"GET", "/", 404, "no_such_path", ""},
        {"GET", "", 400, "malformed", ""},
        {"OPTIONS", "*", 400, "malformed", ""},
        {"GET", "/v1/schemas/a/b/c/d/e/f/g/h/i/j", 404, "no_such_path", ""},
        {"GET", "/v1/schema", 404, "no_such_path", ""},
        {"GET", "/v1/schemasx", 404, "no_such_path", ""},
        {"GET", "/v1/watch/x", 404, "no_such_path", ""},
        {"GET", "/v1/watch?since=0", 0, "", ""},
        {"POST", "/v1/schemas/x", 405, "method_not_allowed", "GET, HEAD, PUT, DELETE"},
        {"BREW", "/v1/import", 405, "method_not_allowed", "POST"},
        {"GET", "/v1/members/n1", 405, "method_not_allowed", "DELETE"},
        {"GET", "/v1/status?x=1", 400, "malformed", ""},
        {"GET", "/v1/status?dry_run=1", 400, "malformed", ""},
        {"PUT", "/v1/schemas/posts?cascade=1", 400, "malformed", ""},
        {"PUT", "/v1/schemas/posts?wait=5s&skip_dead=1", 0, "", ""},
        {"PUT", "/v1/schemas/posts?staged=1&abort=1", 0, "", ""},
        {"POST", "/v1/import?wait", 0, "", ""},
        {"POST", "/v1/import?staged=1", 400, "malformed", ""},
        {"POST", "/v1/agreement", 0, "", ""},
        {"GET", "/v1/agreement", 405, "method_not_allowed", "POST"},
        {"POST", "/v1/resolve?wait=1s&dry_run=1", 0, "", ""},
        {"GET", "/v1/why/schema/posts", 0, "", ""},
        {"GET", "/v1/why/constraint/posts/key", 0, "", ""},
        {"GET", "/v1/why/schema", 404, "no_such_path", ""},
        {"GET", "/v1/doctor", 0, "", ""},
        {"PUT", "/v1/schemas/posts?dry_run=1&dry_run=1", 400, "malformed", ""},
        {"GET", "/v1/schemas/%g0", 400, "malformed", ""},
        {"GET", "/v1/status?=", 400, "malformed", ""},
        {"GET", "/v1/status?a=1&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q", 400, "malformed", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_request request;
        begin(&request, cases[i].method, cases[i].target);
        ck_assert_msg(request.answered == (cases[i].status != 0), "%s", cases[i].target);
        if (request.answered) {
            ck_assert_uint_eq(request.status, cases[i].status);
            ck_assert_str_eq(error_of(&request), cases[i].code);
        }
        ck_assert_str_eq(request.allow, cases[i].allow);
        http_request_close(&request);
    }
}
END_TEST

/* The listener of --metrics has three paths and no more. */
START_TEST(metrics_listener) {
    static const struct {
        const char *target;
        bool served;
    } cases[] = {
        {"/metrics", true},    {"/livez", true}, {"/readyz", true},
        {"/v1/status", false}, {"/", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_request request;
        server = (struct http_server){0};
        http_request_init(&request, &server, strdup(cases[i].target));
        request.metrics_only = true;
        http_request_begin(&request, "GET", &(struct http_headers){0});
        ck_assert_msg(request.answered != cases[i].served, "%s", cases[i].target);
        http_request_close(&request);
    }
}
END_TEST

/* A body at its limit is taken, a byte more is 413; what is discarded is bounded too (G8). */
START_TEST(body_limit) {
    struct http_request request;
    char *piece = calloc(1, HTTP_BODY_SIZE_MAX);
    begin(&request, "PUT", "/v1/schemas/posts");
    ck_assert(http_request_take(&request, piece, HTTP_BODY_SIZE_MAX));
    ck_assert(!request.answered);
    ck_assert_uint_eq(server.bodies_size_bytes, HTTP_BODY_SIZE_MAX);
    ck_assert(http_request_take(&request, piece, 1));
    ck_assert(request.answered);
    ck_assert_uint_eq(request.status, 413);
    ck_assert_str_eq(error_of(&request), "too_big");
    ck_assert_uint_eq(server.bodies_size_bytes, 0);
    size_t pieces = 0;
    while (http_request_take(&request, piece, HTTP_BODY_SIZE_MAX))
        pieces++;
    ck_assert_uint_eq(pieces, HTTP_DISCARD_SIZE_MAX / HTTP_BODY_SIZE_MAX - 1);
    http_request_handle(&request); /* is answered already */
    http_request_close(&request);
    free(piece);
}
END_TEST

/* All bodies together are bounded: above it the answer is 503 busy, to be tried again (G8). */
START_TEST(bodies_budget) {
    struct http_request request;
    begin(&request, "PUT", "/v1/schemas/posts");
    server.bodies_size_bytes = HTTP_BODIES_SIZE_MAX - 1;
    ck_assert(http_request_take(&request, "{", 1));
    ck_assert(!request.answered);
    ck_assert(http_request_take(&request, "}", 1));
    ck_assert_uint_eq(request.status, 503);
    ck_assert(request.retry_after);
    ck_assert_str_eq(error_of(&request), "busy");
    ck_assert_uint_eq(server.bodies_size_bytes, HTTP_BODIES_SIZE_MAX - 1);
    http_request_close(&request);
}
END_TEST

/* A flag is 1, true, 0 or false; a duration has a unit; nothing else is taken for either. */
START_TEST(flags) {
    static const struct {
        const char *target;
        int flag; /* -1: refused */
    } cases[] = {
        {"/v1/import", 0},
        {"/v1/import?dry_run=1", 1},
        {"/v1/import?dry_run=true", 1},
        {"/v1/import?dry_run=0", 0},
        {"/v1/import?dry_run=false", 0},
        {"/v1/import?dry_run", -1},
        {"/v1/import?dry_run=", -1},
        {"/v1/import?dry_run=yes", -1},
        {"/v1/import?dry_run=TRUE", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_request request;
        bool flag;
        begin(&request, "POST", cases[i].target);
        ck_assert_msg(http_flag(&request, "dry_run", &flag) == (cases[i].flag >= 0), "%s",
                      cases[i].target);
        if (cases[i].flag >= 0)
            ck_assert_int_eq(flag, cases[i].flag);
        else
            ck_assert_uint_eq(request.status, 400);
        http_request_close(&request);
    }
    struct http_request request;
    gossip_duration_ms duration_ms = GOSSIP_NEVER;
    begin(&request, "POST", "/v1/check/x");
    ck_assert(http_duration(&request, "max_staleness", &duration_ms));
    ck_assert(duration_ms == GOSSIP_NEVER);
    http_request_close(&request);
}
END_TEST

/* If-Match is a number or an ETag; 0 is one too; anything else is refused. */
START_TEST(if_match) {
    static const struct {
        const char *header;
        int64_t number; /* -1: refused, -2: nothing expected */
    } cases[] = {
        {NULL, -2},
        {"7", 7},
        {"\"7\"", 7},
        {"0", 0},
        {"", -1},
        {"\"\"", -1},
        {"x", -1},
        {"-1", -1},
        {"1,2", -1},
        {"W/\"1\"", -1},
        {"*", -1},
        {"\"1", -1},
        {"1 ", -1},
        {"99999999999999999999", -1},
        {"1111111111111111111111111111111111111111111111111111111111111111111111", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_request request;
        struct catalog_write write = {0};
        server = (struct http_server){0};
        http_request_init(&request, &server, strdup("/v1/schemas/x"));
        http_request_begin(&request, "PUT", &(struct http_headers){.if_match = cases[i].header});
        bool read = http_if_match(&request, &write);
        ck_assert_int_eq(read, cases[i].number != -1);
        ck_assert_int_eq(write.number_expected, cases[i].number >= 0);
        if (cases[i].number >= 0)
            ck_assert_int_eq((int64_t)write.number, cases[i].number);
        http_request_close(&request);
    }
}
END_TEST

/* Every error of the library has a status of DESIGN 10.2, and only 503 asks to try again. */
START_TEST(all_codes_have_a_status) {
    for (int code = -1; code > -200; code--) {
        const char *name = gossip_error_name(code);
        unsigned status = http_status_of(code);
        if (name == NULL)
            continue;
        ck_assert_msg(status == 400 || status == 404 || status == 409 || status == 412 ||
                          status == 413 || status == 500 || status == 503 || status == 504,
                      "%s: %u", name, status);
        struct http_request request;
        begin(&request, "GET", "/v1/status");
        http_refuse(&request, code, NULL);
        ck_assert_uint_eq(request.status, status);
        ck_assert_int_eq(request.retry_after, status == 503);
        ck_assert_str_eq(error_of(&request), name);
        http_request_close(&request);
    }
    ck_assert_uint_eq(http_status_of(GOSSIP_ESTALE), 503);
    ck_assert_uint_eq(http_status_of(GOSSIP_EDUPLICATE), 503);
    ck_assert_uint_eq(http_status_of(GOSSIP_ENOTAGREED), 504);
    ck_assert_uint_eq(http_status_of(CATALOG_EPRECONDITION), 412);
    ck_assert_uint_eq(http_status_of(12345), 500);
}
END_TEST

/* An import is 400 if any line is malformed, else 409; every refused line stands in the details. */
START_TEST(import_problems) {
    struct catalog_problem problems[] = {
        {.code = CATALOG_EMISSINGFIELD, .line = 2, .message = "one \"quoted\""},
        {.code = CATALOG_EMALFORMED, .line = 9, .message = "two"},
    };
    for (size_t count = 1; count <= 2; count++) {
        struct http_request request;
        begin(&request, "POST", "/v1/import");
        http_refuse_problems(&request, problems, count, true);
        ck_assert_uint_eq(request.status, count == 1 ? 409 : 400);
        json_t *root = json_loadb((char *)request.answer.data, request.answer.size_bytes, 0, NULL);
        const json_t *details = json_object_get(json_object_get(root, "error"), "details");
        ck_assert_uint_eq(json_array_size(details), count);
        const json_t *first = json_array_get(details, 0);
        ck_assert_int_eq(json_integer_value(json_object_get(first, "line")), 2);
        ck_assert_str_eq(json_string_value(json_object_get(first, "code")), "missing_field");
        ck_assert_str_eq(json_string_value(json_object_get(first, "message")), "one \"quoted\"");
        json_decref(root);
        http_request_close(&request);
    }
}
END_TEST

/* The error of a request whose body is wrong, or whose parameters do not go together: it never reaches a service. */
static const char *refused(const char *method, const char *target, const char *body) {
    static char code[64];
    struct http_request request;
    begin(&request, method, target);
    ck_assert_msg(!request.answered, "%s", target);
    ck_assert(http_request_take(&request, body, strlen(body)) || body[0] == '\0');
    http_request_handle(&request);
    ck_assert_msg(request.answered && request.status == 400, "%s %s", target, body);
    strcpy(code, error_of(&request));
    http_request_close(&request);
    return code;
}

/* What is wrong with a wait, a staged change, an agreement or a resolution is said before anything is asked for. */
START_TEST(waits_are_checked) {
    static const struct {
        const char *method, *target, *body;
    } cases[] = {
        {"PUT", "/v1/schemas/posts?wait=5", "{\"fields\":{}}"},
        {"PUT", "/v1/schemas/posts?wait=1y", "{\"fields\":{}}"},
        {"PUT", "/v1/schemas/posts?wait=61m", "{\"fields\":{}}"},
        {"PUT", "/v1/schemas/posts?wait=", "{\"fields\":{}}"},
        {"PUT", "/v1/schemas/posts?wait=-1s", "{\"fields\":{}}"},
        {"PUT", "/v1/schemas/posts?skip_dead=1", "{\"fields\":{}}"},
        {"PUT", "/v1/schemas/posts?staged", "{\"fields\":{}}"},
        {"PUT", "/v1/schemas/posts?staged=yes", "{\"fields\":{}}"},
        {"PUT", "/v1/schemas/posts?staged=1&dry_run=1", "{\"fields\":{}}"},
        {"PUT", "/v1/schemas/posts?staged=1&wait=1d", "{\"fields\":{}}"},
        {"POST", "/v1/import?wait=1y", ""},
        {"POST", "/v1/agreement", "["},
        {"POST", "/v1/agreement", "[]"},
        {"POST", "/v1/agreement", "{\"timeout\":5}"},
        {"POST", "/v1/agreement", "{\"timeout\":\"1y\"}"},
        {"POST", "/v1/agreement", "{\"timeout\":\"5\"}"},
        {"POST", "/v1/agreement", "{\"timeout\":\"5s\",\"timeout\":\"5s\"}"},
        {"POST", "/v1/agreement", "{\"skip_dead\":1}"},
        {"POST", "/v1/agreement", "{\"other\":1}"},
        {"POST", "/v1/agreement", "{\"kind\":\"schema\"}"},
        {"POST", "/v1/agreement", "{\"entity\":\"posts\"}"},
        {"POST", "/v1/agreement", "{\"name\":\"x\"}"},
        {"POST", "/v1/agreement", "{\"kind\":\"table\",\"entity\":\"posts\"}"},
        {"POST", "/v1/agreement", "{\"kind\":\"index\",\"entity\":\"posts\"}"},
        {"POST", "/v1/agreement", "{\"kind\":\"schema\",\"entity\":\"posts\",\"name\":\"x\"}"},
        {"POST", "/v1/agreement", "{\"kind\":\"schema\",\"entity\":\"a/b\"}"},
        {"POST", "/v1/resolve", ""},
        {"POST", "/v1/resolve", "{\"kind\":\"schema\",\"entity\":\"posts\"}"},
        {"POST", "/v1/resolve", "{\"kind\":\"schema\",\"entity\":\"posts\",\"take\":\"\"}"},
        {"POST", "/v1/resolve", "{\"kind\":\"schema\",\"entity\":\"posts\",\"take\":7}"},
        {"POST", "/v1/resolve", "{\"kind\":\"schema\",\"take\":\"n1\"}"},
        {"POST", "/v1/resolve?skip_dead=1", "{}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_str_eq(refused(cases[i].method, cases[i].target, cases[i].body), "malformed");
    static const char *const targets[] = {"/v1/schemas/posts?staged=1&dry_run=1",
                                          "/v1/schemas/posts?abort=1&dry_run=1",
                                          "/v1/schemas/posts?abort=2"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        ck_assert_str_eq(refused("DELETE", targets[i], ""), "malformed");
    static const char *const kinds[] = {"table", "0", "3", "1", "07", "65536", "99999", "4x", "-4"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char target[64];
        snprintf(target, sizeof target, "/v1/why/%s/posts", kinds[i]);
        ck_assert_str_eq(refused("GET", target, ""), "malformed");
    }
    ck_assert_str_eq(refused("GET", "/v1/why/constraint/posts", ""), "malformed");
    ck_assert_str_eq(refused("GET", "/v1/why/schema/posts/name", ""), "malformed");
}
END_TEST

/* A kind is known by its name; another by its number. */
START_TEST(kinds) {
    struct http_request request;
    uint16_t kind;
    begin(&request, "GET", "/v1/status");
    ck_assert(http_kind(&request, (struct catalog_text){"index", 5}, &kind) && kind == 3);
    ck_assert(http_kind(&request, (struct catalog_text){"schema", 6}, &kind) && kind == 1);
    ck_assert(http_kind(&request, (struct catalog_text){"9", 1}, &kind) && kind == 9);
    ck_assert(http_kind(&request, (struct catalog_text){"65535", 5}, &kind) && kind == 65535);
    http_request_close(&request);
}
END_TEST

/* 504 names each member with its state, and since when; what was never heard is null. */
START_TEST(agreement_details) {
    const struct gossip_agreement_member members[] = {
        {.name = "n1", .state = GOSSIP_AGREED, .since_ms = 3},
        {.name = "n\"2", .state = GOSSIP_LAGGING, .since_ms = 5000},
        {.name = "n3", .state = GOSSIP_UNREACHABLE, .since_ms = GOSSIP_NEVER},
    };
    const struct gossip_reply reply = {
        .code = GOSSIP_ENOTAGREED, .agreement = members, .agreement_count = 3};
    struct http_request request;
    begin(&request, "PUT", "/v1/schemas/x");
    http_print(&request.answer, "what was printed before");
    http_refuse_agreement(&request, &reply, "the write stands, but %s", "late");
    ck_assert_uint_eq(request.status, 504);
    ck_assert(!request.retry_after);
    ck_assert_str_eq(error_of(&request), "not_agreed");
    json_t *root = json_loadb((char *)request.answer.data, request.answer.size_bytes, 0, NULL);
    const json_t *error = json_object_get(root, "error");
    ck_assert_str_eq(json_string_value(json_object_get(error, "message")),
                     "the write stands, but late");
    const json_t *details = json_object_get(error, "details");
    ck_assert_uint_eq(json_array_size(details), 3);
    const json_t *second = json_array_get(details, 1), *third = json_array_get(details, 2);
    ck_assert_str_eq(json_string_value(json_object_get(second, "name")), "n\"2");
    ck_assert_str_eq(json_string_value(json_object_get(second, "state")), "lagging");
    ck_assert_int_eq(json_integer_value(json_object_get(second, "since_ms")), 5000);
    ck_assert_str_eq(json_string_value(json_object_get(third, "state")), "unreachable");
    ck_assert(json_is_null(json_object_get(third, "since_ms")));
    json_decref(root);
    http_request_close(&request);
}
END_TEST

Suite *http_request_suite(void);
Suite *http_request_suite(void) {
    const struct {
        const char *name;
        const TTest *test;
    } cases[] = {
        {"http_decode", decoding},
        {"http_target_parse", target_is_split_first},
        {"http_route_find", routes},
        {"http_route_metrics", metrics_listener},
        {"http_request_take", body_limit},
        {"http_request_budget", bodies_budget},
        {"http_flag", flags},
        {"http_if_match", if_match},
        {"http_status_of", all_codes_have_a_status},
        {"http_refuse_problems", import_problems},
        {"http_wait_read", waits_are_checked},
        {"http_kind", kinds},
        {"http_refuse_agreement", agreement_details},
    };
    Suite *suite = suite_create("http_request");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TCase *tcase = tcase_create(cases[i].name);
        tcase_add_test(tcase, cases[i].test);
        suite_add_tcase(suite, tcase);
    }
    return suite;
}
