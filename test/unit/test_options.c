/* test_options.c - the daemon's options: spans, addresses, the three layers, what is refused. */
#include "bin/attuned/address.h"
#include "bin/attuned/duration.h"
#include "bin/attuned/options.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* A span is a whole number with a unit, at most 1h; anything else is refused and leaves the value alone. */
START_TEST(duration_takes_units_only) {
    static const struct {
        const char *text;
        uint64_t duration_ms; /* 1: refused */
    } cases[] = {
        {"0s", 0},
        {"0", 0},
        {"00", 1},
        {"250ms", 250},
        {"5s", 5000},
        {"60m", 3600000},
        {"1h", 3600000},
        {"3600s", 3600000},
        {"007s", 7000},
        {"", 1},
        {"5", 1},
        {"s", 1},
        {"61m", 1},
        {"2h", 1},
        {"3600001ms", 1},
        {"1.5s", 1},
        {"-1s", 1},
        {"+1s", 1},
        {" 1s", 1},
        {"1s ", 1},
        {"1 s", 1},
        {"1S", 1},
        {"1sec", 1},
        {"1d", 1},
        {"18446744073709551617ms", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t duration_ms = 1;
        bool taken = duration_parse(cases[i].text, strlen(cases[i].text), &duration_ms);
        ck_assert_msg(taken == (cases[i].duration_ms != 1), "%s", cases[i].text);
        ck_assert_uint_eq(duration_ms, cases[i].duration_ms);
    }
}
END_TEST

/* An address is HOST:PORT; IPv6 stands in brackets; nothing is guessed. */
START_TEST(address_splits) {
    static const struct {
        const char *text, *host; /* NULL: refused */
        uint16_t port;
        bool loopback;
    } cases[] = {
        {"127.0.0.1:7740", "127.0.0.1", 7740, true},
        {"127.9.9.9:0", "127.9.9.9", 0, true},
        {"localhost:1", "localhost", 1, true},
        {"[::1]:65535", "::1", 65535, true},
        {"0.0.0.0:1", "0.0.0.0", 1, false},
        {"[::]:1", "::", 1, false},
        {"db-1.example:80", "db-1.example", 80, false},
        {"128.0.0.1:1", "128.0.0.1", 1, false},
        {"", NULL, 0, false},
        {"host", NULL, 0, false},
        {":1", NULL, 0, false},
        {"host:", NULL, 0, false},
        {"host:65536", NULL, 0, false},
        {"host:-1", NULL, 0, false},
        {"::1:80", NULL, 0, false},
        {"[]:1", NULL, 0, false},
        {"a b:1", NULL, 0, false},
        {"host:1x", NULL, 0, false},
        {"h\xc3\xb6st:1", NULL, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct address address;
        bool split = address_parse(cases[i].text, &address);
        ck_assert_msg(split == (cases[i].host != NULL), "%s", cases[i].text);
        if (!split)
            continue;
        ck_assert_str_eq(address.host, cases[i].host);
        ck_assert_uint_eq(address.port, cases[i].port);
        ck_assert_msg(address_is_loopback(&address) == cases[i].loopback, "%s", cases[i].text);
    }
    char longest[200];
    struct address address;
    memset(longest, 'h', sizeof longest);
    strcpy(longest + ADDRESS_SIZE_MAX - 2, ":1");
    ck_assert(address_parse(longest, &address));
    strcpy(longest + ADDRESS_SIZE_MAX - 2, ":12");
    ck_assert(!address_parse(longest, &address));
}
END_TEST

/* Without anything but a directory the defaults of DESIGN 10.1 hold. */
START_TEST(defaults) {
    struct settings settings = {0};
    struct options options;
    char message[OPTIONS_MESSAGE_SIZE_MAX];
    ck_assert(!options_resolve(&settings, &options, message));
    ck_assert_ptr_nonnull(strstr(message, "--data-dir"));
    ck_assert(settings_set(&settings, OPTION_DATA_DIR, "/d", OPTION_FLAG));
    ck_assert(options_resolve(&settings, &options, message));
    ck_assert_str_eq(options.gossip, "127.0.0.1:7740");
    ck_assert_str_eq(options.http, "127.0.0.1:7741");
    ck_assert_str_eq(options.cluster, "attune");
    ck_assert_ptr_null(options.name);
    ck_assert_ptr_null(options.metrics);
    ck_assert_uint_eq(options.interval_ms, 1000);
    ck_assert_uint_eq(options.freshness_limit_ms, 5000);
    ck_assert(!options.insecure);
    settings_close(&settings);
}
END_TEST

static char *lookup(const char *name) {
    static char interval[] = "2s", joins[] = "a:1, b:2,", insecure[] = "yes";
    return strcmp(name, "ATTUNE_INTERVAL") == 0   ? interval
           : strcmp(name, "ATTUNE_JOIN") == 0     ? joins
           : strcmp(name, "ATTUNE_INSECURE") == 0 ? insecure
                                                  : NULL;
}

/* Flags beat the environment, the environment beats the file, in whatever order they are read; lists are not mixed. */
START_TEST(layers) {
    struct settings settings = {0};
    struct options options;
    char message[OPTIONS_MESSAGE_SIZE_MAX];
    ck_assert(settings_set(&settings, OPTION_DATA_DIR, "/flag", OPTION_FLAG));
    ck_assert(settings_set(&settings, OPTION_DATA_DIR, "/file", OPTION_FILE));
    ck_assert(settings_set(&settings, OPTION_INTERVAL, "3s", OPTION_FILE));
    ck_assert(settings_set(&settings, OPTION_NAME, "file", OPTION_FILE));
    ck_assert(settings_join(&settings, "file:1", OPTION_FILE));
    ck_assert(settings_environment(&settings, lookup, message));
    ck_assert(settings_join(&settings, "file:2", OPTION_FILE));
    ck_assert(options_resolve(&settings, &options, message));
    ck_assert_str_eq(options.data_dir, "/flag");
    ck_assert_uint_eq(options.interval_ms, 2000);
    ck_assert_str_eq(options.name, "file");
    ck_assert(options.insecure);
    ck_assert_uint_eq(options.join_count, 2);
    ck_assert_str_eq(options.joins[0], "a:1");
    ck_assert_str_eq(options.joins[1], "b:2");
    settings_close(&settings);
}
END_TEST

/* A value that cannot be is refused, naming the option as it was written. */
START_TEST(refusals_name_the_source) {
    static const struct {
        enum option_number option;
        const char *value;
        enum option_source source;
        const char *word;
    } cases[] = {
        {OPTION_INTERVAL, "0s", OPTION_FLAG, "--interval"},
        {OPTION_FRESHNESS_LIMIT, "2h", OPTION_ENVIRONMENT, "ATTUNE_FRESHNESS_LIMIT"},
        {OPTION_LOG_LEVEL, "loud", OPTION_FILE, "log_level (configuration file)"},
        {OPTION_LOG_FORMAT, "xml", OPTION_FLAG, "--log-format"},
        {OPTION_INSECURE, "maybe", OPTION_FILE, "insecure (configuration file)"},
        {OPTION_NAME, "", OPTION_FLAG, "--name"},
        {OPTION_NAME, "a/b", OPTION_FLAG, "--name"},
        {OPTION_CLUSTER, "a\x01", OPTION_FLAG, "--cluster"},
        {OPTION_GOSSIP, "7740", OPTION_FLAG, "--gossip"},
        {OPTION_ADVERTISE, "x", OPTION_FLAG, "--advertise"},
        {OPTION_METRICS, "unix:/x", OPTION_FLAG, "--metrics"},
        {OPTION_HTTP, "unix:", OPTION_FLAG, "--http"},
        {OPTION_HTTP, "0.0.0.0:1", OPTION_FLAG, "--insecure"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings settings = {0};
        struct options options;
        char message[OPTIONS_MESSAGE_SIZE_MAX] = "";
        ck_assert(settings_set(&settings, OPTION_DATA_DIR, "/d", OPTION_FLAG));
        ck_assert(settings_set(&settings, cases[i].option, cases[i].value, cases[i].source));
        ck_assert_msg(!options_resolve(&settings, &options, message), "%s", cases[i].value);
        ck_assert_msg(strstr(message, cases[i].word) != NULL, "%s", message);
        settings_close(&settings);
    }
}
END_TEST

/* The list of addresses to join is bounded, and each is checked. */
START_TEST(joins_are_bounded) {
    struct settings settings = {0};
    struct options options;
    char message[OPTIONS_MESSAGE_SIZE_MAX] = "";
    ck_assert(settings_set(&settings, OPTION_DATA_DIR, "/d", OPTION_FLAG));
    for (size_t i = 0; i < OPTIONS_JOIN_MAX; i++)
        ck_assert(settings_join(&settings, i == 9 ? "nowhere" : "a:1", OPTION_FLAG));
    ck_assert(!settings_join(&settings, "a:1", OPTION_FLAG));
    ck_assert(!options_resolve(&settings, &options, message));
    ck_assert_ptr_nonnull(strstr(message, "--join: 'nowhere'"));
    settings_close(&settings);
}
END_TEST

Suite *options_suite(void);
Suite *options_suite(void) {
    const struct {
        const char *name;
        const TTest *test;
    } cases[] = {
        {"duration_parse", duration_takes_units_only},
        {"address_parse", address_splits},
        {"options_resolve", defaults},
        {"settings_set", layers},
        {"options_resolve_refused", refusals_name_the_source},
        {"settings_join", joins_are_bounded},
    };
    Suite *suite = suite_create("options");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TCase *tcase = tcase_create(cases[i].name);
        tcase_add_test(tcase, cases[i].test);
        suite_add_tcase(suite, tcase);
    }
    return suite;
}
