/* test_http_origin.c - which requests come from a web page. */
#include "bin/attuned/http.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Only names that nobody else can lead to this address are ours. */
START_TEST(hosts) {
    static const struct {
        const char *host;
        bool ours;
    } cases[] = {
        {"127.0.0.1", true},
        {"127.0.0.1:7741", true},
        {"192.0.2.7:1", true},
        {"[::1]", true},
        {"[2001:db8::1]:7741", true},
        {"localhost", true},
        {"LOCALHOST:80", true},
        {"db-1.example", true},
        {"DB-1.example:9999", true},
        {"db-1.example:", true},
        {"", false},
        {":7741", false},
        {"::1", false},
        {"[::1", false},
        {"[::1]x", false},
        {"[]", false},
        {"[localhost]", false},
        {"[127.0.0.1]", false},
        {"127.1", false},
        {"2130706433", false},
        {"evil.example", false},
        {"db-1.example.evil.example", false},
        {"evil.db-1.example", false},
        {"localhost.", false},
        {"localhost@evil.example", false},
        {"127.0.0.1:x", false},
        {"127.0.0.1:80:evil", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(http_origin_host_is_ours(cases[i].host, "db-1.example:7741") == cases[i].ours,
                      "%s", cases[i].host);
    char oversized[300];
    memset(oversized, '1', sizeof oversized - 1);
    oversized[sizeof oversized - 1] = '\0';
    ck_assert(!http_origin_host_is_ours(oversized, "db-1.example:7741"));
}
END_TEST

static unsigned status_of(const char *method, const char *listened, bool metrics_only,
                          const char *host, const char *origin) {
    struct http_server server = {.listened = listened};
    struct http_request request;
    http_request_init(&request, &server, strdup("/metrics"));
    request.method = http_method_parse(method);
    request.metrics_only = metrics_only;
    bool fine = http_origin_check(&request, host, origin);
    ck_assert_int_eq(fine, !request.answered);
    unsigned status = fine ? 0 : request.status;
    http_request_close(&request);
    return status;
}

/* Reads are open to every page (which cannot see the answer), writes only to pages of the same host and port. */
START_TEST(origins) {
    static const struct {
        const char *method, *host, *origin;
        unsigned status;
    } cases[] = {
        {"PUT", "127.0.0.1:7741", NULL, 0},
        {"PUT", "127.0.0.1:7741", "http://127.0.0.1:7741", 0},
        {"POST", "localhost", "https://LOCALHOST", 0},
        {"PUT", "127.0.0.1:7741", "http://127.0.0.1:7742", 403},
        {"PUT", "127.0.0.1:7741", "http://127.0.0.1", 403},
        {"PUT", "127.0.0.1:7741", "http://localhost:7741", 403},
        {"DELETE", "127.0.0.1:7741", "http://evil.example", 403},
        {"POST", "127.0.0.1:7741", "null", 403},
        {"POST", "127.0.0.1:7741", "", 403},
        {"POST", "127.0.0.1:7741", "127.0.0.1:7741", 403},
        {"PATCH", "127.0.0.1:7741", "http://evil.example", 403},
        {"PUT", NULL, "http://127.0.0.1:7741", 403},
        {"PUT", NULL, NULL, 0},
        {"GET", "127.0.0.1:7741", "http://evil.example", 0},
        {"GET", "evil.example", NULL, 403},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned status =
            status_of(cases[i].method, "127.0.0.1:7741", false, cases[i].host, cases[i].origin);
        ck_assert_msg(status == cases[i].status, "%zu: %u", i, status);
    }
}
END_TEST

/* A UNIX socket, and the listener for metrics, are reached by any name; pages still cannot write there. */
START_TEST(any_name) {
    ck_assert_uint_eq(status_of("PUT", NULL, false, "any.example", NULL), 0);
    ck_assert_uint_eq(status_of("PUT", NULL, false, "any.example", "https://any.example"), 0);
    ck_assert_uint_eq(status_of("PUT", NULL, false, "any.example", "http://evil.example"), 403);
    ck_assert_uint_eq(status_of("GET", "127.0.0.1:7741", true, "any.example", NULL), 0);
}
END_TEST

Suite *http_origin_suite(void);
Suite *http_origin_suite(void) {
    Suite *suite = suite_create("http_origin");
    TCase *tcase_host = tcase_create("http_origin_host_is_ours");
    TCase *tcase_check = tcase_create("http_origin_check");
    tcase_add_test(tcase_host, hosts);
    tcase_add_test(tcase_check, origins);
    tcase_add_test(tcase_check, any_name);
    suite_add_tcase(suite, tcase_host);
    suite_add_tcase(suite, tcase_check);
    return suite;
}
