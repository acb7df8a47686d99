/* test_watch.c - the ring of changes and the places of watchers in it, without a socket. */
#include "bin/attuned/watch.h"
#include "test/unit/support/catalog_kit.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct catalog_kit kit;
static struct watch *watch;
static char text[64 * 1024 * 1024];

static void set_up(void) {
    const struct catalog_id origin = {.bytes = {0xab, 0xcd, 0xef, 0x01, 0x23}};
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
    watch = watch_new(&origin);
    ck_assert_ptr_nonnull(watch);
}

static void tear_down(void) {
    watch_free(watch);
    catalog_kit_close(&kit);
}

/* Sets a schema with `fields` fields and tells the change. */
static void change(const char *entity, unsigned fields) {
    static char json[256 * 1024];
    size_t used = (size_t)snprintf(json, sizeof json, "{\"fields\":{");
    for (unsigned i = 0; i < fields; i++)
        used += (size_t)snprintf(json + used, sizeof json - used, "%s\"f%u\":{\"type\":\"any\"}",
                                 i == 0 ? "" : ",", i);
    snprintf(json + used, sizeof json - used, "}}");
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_SCHEMA, entity, "", json), 0);
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, entity, "");
    watch_change(watch, catalog_find(kit.catalog, &key));
}

/* Tells a change of what is there, as often as one likes: the kit has room for so many bodies only. */
static void tell(const char *entity, unsigned times) {
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, entity, "");
    for (unsigned i = 0; i < times; i++)
        watch_change(watch, catalog_find(kit.catalog, &key));
}

static struct watcher *open_at(const char *since) {
    struct watch_since place = {0};
    struct watcher *watcher = NULL;
    if (since != NULL)
        ck_assert(watch_since_parse(catalog_kit_text(since), &place));
    ck_assert_int_eq(watcher_open(watch, &place, &watcher), WATCH_OPENED);
    return watcher;
}

/* All that the watcher has to say now, read in pieces of this size. */
static const char *read_all(struct watcher *watcher, size_t piece) {
    size_t used = 0, got;
    while ((got = watcher_read(watcher, kit.catalog, text + used, piece)) > 0) {
        used += got;
        ck_assert_uint_lt(used, sizeof text - piece);
    }
    text[used] = '\0';
    return text;
}

static size_t count_of(const char *in, const char *what) {
    size_t count = 0;
    for (const char *at = in; (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

/* Only 0 and ids are places; what is none is refused. */
START_TEST(places) {
    static const char *const bad[] = {"",
                                      "1",
                                      "00",
                                      "abcdef01",
                                      "abcdef01-",
                                      "abcdef01-x",
                                      "abcdef0g-1",
                                      "ABCDEF01-1",
                                      "abcdef0-11",
                                      "abcdef01-1 ",
                                      "abcdef01-99999999999999999999"};
    struct watch_since since;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!watch_since_parse(catalog_kit_text(bad[i]), &since), "%s", bad[i]);
    ck_assert(watch_since_parse(catalog_kit_text("0"), &since) && since.all);
    ck_assert(watch_since_parse(catalog_kit_text("abcdef01-17"), &since) && !since.all);
    ck_assert_str_eq(since.origin, "abcdef01");
    ck_assert_uint_eq(since.number, 17);
}
END_TEST

/* Changes come in their order, each once, however small the pieces in which they are read. */
START_TEST(changes_in_order) {
    struct watcher *watcher = open_at(NULL);
    ck_assert_str_eq(read_all(watcher, 7), "event: live\nid: abcdef01-0\ndata: {}\n\n");
    ck_assert(!watcher_is_due(watcher));
    change("a", 0);
    change("b", 1);
    ck_assert(watcher_is_due(watcher));
    const char *all = read_all(watcher, 3);
    const char *a = strstr(all, "id: abcdef01-1\ndata: {\"kind\":\"schema\",\"entity\":\"a\"");
    const char *b = strstr(all, "id: abcdef01-2\ndata: {\"kind\":\"schema\",\"entity\":\"b\"");
    ck_assert(a == all && b > a);
    ck_assert_uint_eq(count_of(all, "data: "), 2);
    ck_assert_uint_eq(watcher_read(watcher, kit.catalog, text, 10), 0);
    watch_heartbeat(watch);
    ck_assert(watcher_is_due(watcher));
    ck_assert_str_eq(read_all(watcher, 100), ":\n\n");
    watcher_close(watcher);
}
END_TEST

/* An id that is kept is resumed after; another start's is a reset; one that was not made is refused. */
START_TEST(resumption) {
    for (unsigned i = 0; i < 5; i++)
        change("a", i);
    struct watcher *watcher = open_at("abcdef01-3");
    const char *all = read_all(watcher, 1000);
    ck_assert_ptr_nonnull(strstr(all, "event: live\nid: abcdef01-3\n"));
    ck_assert_uint_eq(count_of(all, "id: "), 3);
    ck_assert_ptr_nonnull(strstr(all, "id: abcdef01-4\n"));
    watcher_close(watcher);
    watcher = open_at("00000000-3");
    all = read_all(watcher, 1000);
    ck_assert_ptr_eq(strstr(all, "event: reset\n"), all);
    ck_assert_uint_eq(count_of(all, "data: {\"kind\""), 1);
    ck_assert_ptr_nonnull(strstr(all, "event: live\nid: abcdef01-5\n"));
    watcher_close(watcher);
    struct watch_since place;
    ck_assert(watch_since_parse(catalog_kit_text("abcdef01-6"), &place));
    ck_assert_int_eq(watcher_open(watch, &place, &watcher), WATCH_NO_SUCH);
}
END_TEST

/* A reset gives schemas, constraints, indexes in this order and no tombstone; what changes meanwhile comes after it. */
START_TEST(reset_is_in_order) {
    change("posts", 2);
    change("gone", 0);
    ck_assert_int_eq(
        catalog_kit_apply_set(&kit, CATALOG_INDEX, "posts", "i", "{\"fields\":[\"f0\"]}"), 0);
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_CONSTRAINT, "posts", "c",
                                           "{\"type\":\"unique\",\"fields\":[\"f1\"]}"),
                     0);
    ck_assert_int_eq(catalog_kit_apply_drop(&kit, CATALOG_SCHEMA, "gone", ""), 0);
    struct watcher *watcher = open_at("0");
    size_t got = watcher_read(watcher, kit.catalog, text, 30); /* the reset has begun */
    change("posts", 3);
    read_all(watcher, 64);
    const char *schema = strstr(text, "\"kind\":\"schema\""), *live = strstr(text, "event: live");
    const char *constraint = strstr(text, "\"kind\":\"constraint\"");
    const char *index = strstr(text, "\"kind\":\"index\"");
    ck_assert_uint_eq(got, 30);
    ck_assert(schema != NULL && schema < constraint && constraint < index && index < live);
    ck_assert_ptr_null(strstr(text, "gone"));
    ck_assert_ptr_nonnull(strstr(live, "\"f2\""));
    ck_assert_ptr_nonnull(strstr(live, "id: abcdef01-2\ndata: {}\n\nid: abcdef01-3\n"));
    watcher_close(watcher);
}
END_TEST

/* G8: who does not read is ended above the bound of bytes, and not before; it can resume where it was. */
START_TEST(backlog_is_bounded) {
    struct watcher *slow = open_at(NULL), *fast = open_at(NULL);
    read_all(slow, 1000);
    read_all(fast, 1000);
    size_t unread = 0;
    unsigned count = 0;
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, "a", "");
    while (slow->state == WATCHER_LIVE) {
        ck_assert_uint_le(unread, WATCH_BACKLOG_SIZE_MAX);
        change("a", 500 + count++ % 2);
        unread += catalog_find(kit.catalog, &key)->size_bytes;
        read_all(fast, 1000);
    }
    ck_assert_uint_gt(unread, WATCH_BACKLOG_SIZE_MAX);
    ck_assert(slow->too_slow && fast->state == WATCHER_LIVE);
    ck_assert_uint_eq(watch_count(watch).disconnected, 1);
    ck_assert_uint_eq(watcher_read(slow, kit.catalog, text, 1000), 0);
    watcher_close(slow);
    struct watcher *again = open_at("abcdef01-0");
    change("a", 1); /* it has yet to catch up: not ended for its old backlog */
    ck_assert_int_eq(again->state, WATCHER_LIVE);
    ck_assert_uint_eq(count_of(read_all(again, 4096), "id: "), count + 2);
    watcher_close(again);
    watcher_close(fast);
    ck_assert_uint_eq(watch_count(watch).clients, 0);
}
END_TEST

/* The ring keeps so many changes and so many bytes, and no more; what has left it is a reset. */
START_TEST(ring_is_bounded) {
    struct watcher *watcher;
    change("a", 0);
    tell("a", WATCH_CHANGES_MAX);
    watcher = open_at("abcdef01-1");
    ck_assert_int_eq(watcher->state, WATCHER_LIVE);
    ck_assert_uint_eq(count_of(read_all(watcher, 4096), "id: "), WATCH_CHANGES_MAX + 1);
    watcher_close(watcher);
    watcher = open_at("abcdef01-0");
    ck_assert_int_eq(watcher->state, WATCHER_RESET);
    watcher_close(watcher);
    change("large", 1200);
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, "large", "");
    size_t each = catalog_find(kit.catalog, &key)->size_bytes;
    unsigned fit = WATCH_RING_SIZE_MAX / (unsigned)each;
    tell("large", fit); /* one more than fit */
    char since[40];
    snprintf(since, sizeof since, "abcdef01-%u", WATCH_CHANGES_MAX + 1);
    watcher = open_at(since);
    ck_assert_int_eq(watcher->state, WATCHER_RESET);
    watcher_close(watcher);
    snprintf(since, sizeof since, "abcdef01-%u", WATCH_CHANGES_MAX + 2);
    watcher = open_at(since);
    ck_assert_int_eq(watcher->state, WATCHER_LIVE);
    ck_assert_uint_eq(count_of(read_all(watcher, 65536), "id: "), 1 + fit);
    tell("a", 1); /* what was printed counts, too */
    watcher_close(watcher);
    watcher = open_at(since);
    ck_assert_int_eq(watcher->state, WATCHER_RESET);
    watcher_close(watcher);
}
END_TEST

/* So many clients and no more; a node that begins anew resets them all; the end is the end. */
START_TEST(clients_are_bounded) {
    struct watcher *watchers[WATCH_CLIENTS_MAX], *extra;
    for (size_t i = 0; i < WATCH_CLIENTS_MAX; i++)
        watchers[i] = open_at(NULL);
    ck_assert_int_eq(watcher_open(watch, &(struct watch_since){0}, &extra), WATCH_TOO_MANY);
    read_all(watchers[0], 1000);
    watch_restart(watch);
    ck_assert_ptr_eq(strstr(read_all(watchers[0], 1000), "event: reset"), text);
    watcher_close(watchers[1]);
    watchers[1] = open_at("abcdef01-0");
    ck_assert_int_eq(watchers[1]->state, WATCHER_RESET);
    watch_end(watch);
    for (size_t i = 0; i < WATCH_CLIENTS_MAX; i++) {
        ck_assert(watcher_is_due(watchers[i]));
        ck_assert_uint_eq(watcher_read(watchers[i], kit.catalog, text, 1000), 0);
        watcher_close(watchers[i]);
    }
}
END_TEST

Suite *watch_suite(void);
Suite *watch_suite(void) {
    const struct {
        const char *name;
        const TTest *test;
    } cases[] = {
        {"watch_since_parse", places},         {"watch_change", changes_in_order},
        {"watcher_open", resumption},          {"watcher_read", reset_is_in_order},
        {"watch_backlog", backlog_is_bounded}, {"watch_ring", ring_is_bounded},
        {"watch_end", clients_are_bounded},
    };
    Suite *suite = suite_create("watch");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TCase *tcase = tcase_create(cases[i].name);
        tcase_add_checked_fixture(tcase, set_up, tear_down);
        tcase_add_test(tcase, cases[i].test);
        suite_add_tcase(suite, tcase);
    }
    return suite;
}
