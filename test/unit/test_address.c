/* test_address.c - HOST:PORT: one form, and what is loopback. */
#include "gossip/address.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <string.h>

static int parse(const char *text, struct gossip__address *address) {
    return gossip__address_parse((struct catalog_text){text, strlen(text)}, address);
}

START_TEST(well_formed_addresses_are_read) {
    /* A host, a colon, a port; an IPv6 address in brackets. */
    static const struct {
        const char *text, *host;
        uint16_t port;
    } cases[] = {
        {"127.0.0.1:7740", "127.0.0.1", 7740}, {"db-1.example:1", "db-1.example", 1},
        {"[::1]:65535", "::1", 65535},         {"[fe80::1%eth0]:80", "fe80::1%eth0", 80},
        {"localhost:0", "localhost", 0},       {"h:10", "h", 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gossip__address address;
        ck_assert_int_eq(parse(cases[i].text, &address), 0);
        ck_assert_str_eq(address.host, cases[i].host);
        ck_assert_uint_eq(address.port, cases[i].port);
    }
}
END_TEST

START_TEST(malformed_addresses_are_refused) {
    /* What a user mistypes or a peer makes up is refused, never guessed. */
    static const char *const cases[] = {
        "",        ":",       "host",       "host:",       ":7740",     "host:65536",  "host:00",
        "host:01", "host:-1", "host:7a",    "host: 7",     "ho st:7",   "host:123456", "::1:7740",
        "[::1]",   "[::1]:",  "[::1:7740",  "::1]:7740",   "[]:7740",   "[host]:7740", "a:b:7",
        "h\n:7",   "h\x7f:7", "http://h:7", "h\xc3\xa4:7", "[[::1]]:7", "[::1]x:7",
    };
    struct gossip__address address;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(parse(cases[i], &address) == GOSSIP_EADDRESS, "accepted: %s", cases[i]);
        ck_assert(!gossip__address_dialable((struct catalog_text){cases[i], strlen(cases[i])}));
    }
    char longest[CATALOG_NAME_SIZE_MAX + 2];
    memset(longest, 'h', sizeof longest);
    memcpy(longest + CATALOG_NAME_SIZE_MAX - 2, ":7", 2);
    ck_assert_int_eq(
        gossip__address_parse((struct catalog_text){longest, CATALOG_NAME_SIZE_MAX}, &address), 0);
    ck_assert_uint_eq(strlen(address.host), CATALOG_NAME_SIZE_MAX - 2);
    memcpy(longest + CATALOG_NAME_SIZE_MAX - 2, "hh:7", 3);
    ck_assert_int_eq(
        gossip__address_parse((struct catalog_text){longest, CATALOG_NAME_SIZE_MAX + 1}, &address),
        GOSSIP_EADDRESS);
}
END_TEST

START_TEST(port_0_cannot_be_dialled) {
    /* Port 0 is for listeners that take a free one. */
    ck_assert(!gossip__address_dialable((struct catalog_text){"h:0", 3}));
    ck_assert(gossip__address_dialable((struct catalog_text){"h:1", 3}));
}
END_TEST

static struct gossip__socket_address resolve_numeric(const char *text) {
    struct gossip__address address;
    struct gossip__socket_address found[GOSSIP__ADDRESSES_MAX];
    size_t count;
    ck_assert_int_eq(parse(text, &address), 0);
    ck_assert_int_eq(gossip__address_resolve(&address, true, false, found, &count), 0);
    ck_assert_uint_eq(count, 1);
    return found[0];
}

START_TEST(loopback_is_known_in_each_family) {
    /* Without TLS only loopback is bound: the test must not be fooled by notation. */
    static const struct {
        const char *text;
        bool loopback, any;
    } cases[] = {
        {"127.0.0.1:1", true, false},
        {"127.255.0.9:1", true, false},
        {"128.0.0.1:1", false, false},
        {"0.0.0.0:1", false, true},
        {"10.0.0.127:1", false, false},
        {"[::1]:1", true, false},
        {"[::2]:1", false, false},
        {"[::]:1", false, true},
        {"[::ffff:127.0.0.1]:1", true, false},
        {"[::ffff:10.0.0.1]:1", false, false},
        {"[::ffff:0.0.0.0]:1", false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gossip__socket_address address = resolve_numeric(cases[i].text);
        ck_assert_msg(gossip__address_is_loopback(&address) == cases[i].loopback, "loopback: %s",
                      cases[i].text);
        ck_assert_msg(gossip__address_is_any(&address) == cases[i].any, "any: %s", cases[i].text);
    }
}
END_TEST

START_TEST(numbers_are_printed_as_they_are_read) {
    /* What a listener was bound to is what peers are told to dial. */
    static const char *const cases[] = {"127.0.0.1:7740", "[::1]:1", "10.1.2.3:65535"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gossip__socket_address address = resolve_numeric(cases[i]);
        char text[80];
        ck_assert(gossip__address_print(&address, text, sizeof text));
        ck_assert_str_eq(text, cases[i]);
        ck_assert(!gossip__address_print(&address, text, strlen(cases[i])));
    }
    struct gossip__socket_address none = {.size_bytes = sizeof none.storage};
    char text[80];
    ck_assert(!gossip__address_print(&none, text, sizeof text));
}
END_TEST

START_TEST(names_need_a_resolver) {
    /* Asked for numbers only, a name is refused at once instead of blocking the loop. */
    struct gossip__address address;
    struct gossip__socket_address found[GOSSIP__ADDRESSES_MAX];
    size_t count;
    ck_assert_int_eq(parse("localhost:7740", &address), 0);
    ck_assert_int_eq(gossip__address_resolve(&address, true, false, found, &count),
                     GOSSIP_EADDRESS);
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(gossip__address_resolve(&address, false, false, found, &count), 0);
    ck_assert_uint_gt(count, 0);
    ck_assert(gossip__address_is_loopback(&found[0]));
    ck_assert_uint_eq(gossip__address_port(&found[0]), 7740);
}
END_TEST

START_TEST(one_host_is_one_host) {
    /* B5: a flood of one host is one host's, from whatever port, and from whatever address of its IPv6 network. */
    struct gossip__socket_address a = resolve_numeric("10.0.0.1:1");
    struct gossip__socket_address b = resolve_numeric("10.0.0.1:2");
    struct gossip__socket_address c = resolve_numeric("10.0.0.2:1");
    struct gossip__socket_address mapped = resolve_numeric("[::ffff:10.0.0.1]:3");
    struct gossip__socket_address six = resolve_numeric("[2001:db8:0:1::1]:1");
    struct gossip__socket_address same = resolve_numeric("[2001:db8:0:1:ffff::9]:1");
    struct gossip__socket_address other = resolve_numeric("[2001:db8:0:2::1]:1");
    ck_assert(gossip__address_same_host(&a, &b));
    ck_assert(!gossip__address_same_host(&a, &c));
    ck_assert(gossip__address_same_host(&a, &mapped));
    ck_assert(gossip__address_same_host(&six, &same));
    ck_assert(!gossip__address_same_host(&six, &other));
    ck_assert(!gossip__address_same_host(&a, &six));
}
END_TEST

Suite *address_suite(void);
Suite *address_suite(void) {
    Suite *suite = suite_create("address");
    TCase *tcase = tcase_create("address_parse");
    tcase_add_test(tcase, well_formed_addresses_are_read);
    tcase_add_test(tcase, malformed_addresses_are_refused);
    tcase_add_test(tcase, port_0_cannot_be_dialled);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("address_resolve");
    tcase_add_test(tcase, loopback_is_known_in_each_family);
    tcase_add_test(tcase, numbers_are_printed_as_they_are_read);
    tcase_add_test(tcase, names_need_a_resolver);
    tcase_add_test(tcase, one_host_is_one_host);
    suite_add_tcase(suite, tcase);
    return suite;
}
