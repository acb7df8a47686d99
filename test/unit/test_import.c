/* test_import.c - import and export: catalogs of real systems, lines that are wrong, memory that runs short. */
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/catalog_kit.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct catalog_import *parse(const char *text) {
    struct catalog_import *import = NULL;
    ck_assert_int_eq(catalog_import_parse(&merkle_allocator_libc, text, strlen(text), &import), 0);
    return import;
}

static void export_text(const struct catalog *catalog, struct merkle_buffer *text) {
    merkle_buffer_init(text, &merkle_allocator_libc);
    ck_assert_int_eq(catalog_export(catalog, text), 0);
    merkle_buffer_append(text, "", 1);
    text->size_bytes -= 1;
}

static int import_into(struct catalog_kit *kit, const char *text, size_t size_bytes) {
    struct catalog_import *import = NULL;
    ck_assert_int_eq(catalog_import_parse(&merkle_allocator_libc, text, size_bytes, &import), 0);
    ck_assert_msg(import->problem_count == 0, "line %u: %s", import->problems[0].line,
                  import->problems[0].message);
    int result = catalog_kit_apply(kit, import->writes, import->write_count);
    catalog_import_free(import);
    return result;
}

static char *read_data(const char *name, size_t *size_bytes) {
    const char *folder = getenv("ATTUNE_DATA");
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : "../shared/data", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        printf("skipped: %s is not there (ATTUNE_DATA names its folder)\n", path);
        return NULL;
    }
    char *text = malloc(1024 * 1024);
    *size_bytes = fread(text, 1, 1024 * 1024, file);
    fclose(file);
    return text;
}

/* Each line of `a` says the same as that of `b`, whatever the order of its keys. */
static void assert_same_lines(const char *a, const char *b) {
    while (*a != '\0' || *b != '\0') {
        size_t length_a = strcspn(a, "\n");
        size_t length_b = strcspn(b, "\n");
        json_t *line_a = json_loadb(a, length_a, 0, NULL);
        json_t *line_b = json_loadb(b, length_b, 0, NULL);
        ck_assert_ptr_nonnull(line_a);
        ck_assert_ptr_nonnull(line_b);
        ck_assert_msg(json_equal(line_a, line_b), "%.*s\nis not\n%.*s", (int)length_a, a,
                      (int)length_b, b);
        json_decref(line_a);
        json_decref(line_b);
        a += length_a + (a[length_a] == '\n');
        b += length_b + (b[length_b] == '\n');
    }
}

static void check_catalog(const char *name) {
    size_t size_bytes = 0;
    char *text = read_data(name, &size_bytes);
    if (text == NULL) {
        return;
    }
    text[size_bytes] = '\0';
    struct catalog_kit kit;
    struct catalog_kit other;
    struct merkle_buffer first;
    struct merkle_buffer second;
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
    catalog_kit_init(&other, &merkle_allocator_libc, 2);
    int result = import_into(&kit, text, size_bytes);
    ck_assert_msg(result == 0, "line %u: %s", kit.problem.line, kit.problem.message);
    export_text(kit.catalog, &first);
    assert_same_lines(text, (const char *)first.data);

    /* A second node that imports the export exports the same bytes; the first finds nothing new in it. */
    ck_assert_int_eq(import_into(&other, (const char *)first.data, first.size_bytes), 0);
    export_text(other.catalog, &second);
    ck_assert_str_eq((const char *)first.data, (const char *)second.data);
    uint64_t changes = catalog_count(kit.catalog).changes;
    ck_assert_int_eq(import_into(&kit, (const char *)first.data, first.size_bytes), 0);
    ck_assert_uint_eq(kit.entry_count, 0);
    ck_assert_uint_eq(catalog_count(kit.catalog).changes, changes);
    ck_assert_uint_eq(catalog_audit(kit.catalog, NULL, 0), 0);
    merkle_buffer_close(&second);
    merkle_buffer_close(&first);
    catalog_kit_close(&other);
    catalog_kit_close(&kit);
    free(text);
}

/* The catalogs of real systems come out of an export as they went in, and again the same from another node (G4). */
START_TEST(real_catalogs) {
    check_catalog("openstreetmap.jsonl");
    check_catalog("zabbix.jsonl");
}
END_TEST

static const char canonical[] =
    "{\"kind\":\"schema\",\"entity\":\"posts\",\"fields\":{\"author_id\":{\"type\":\"integer\","
    "\"required\":true},"
    "\"day\":{\"type\":\"string\",\"required\":false,\"default\":\"mon\"}}}\n"
    "{\"kind\":\"schema\",\"entity\":\"users\",\"fields\":{\"id\":{\"type\":\"integer\","
    "\"required\":true}},"
    "\"state\":\"pending_drop\"}\n"
    "{\"kind\":\"constraint\",\"entity\":\"posts\",\"name\":\"posts_author\",\"type\":\"foreign_"
    "key\",\"fields\":["
    "\"author_id\"],\"references\":{\"entity\":\"users\",\"fields\":[\"id\"]},\"on_delete\":"
    "\"restrict\"}\n"
    "{\"kind\":\"constraint\",\"entity\":\"users\",\"name\":\"users_id\",\"type\":\"unique\","
    "\"fields\":[\"id\"],"
    "\"state\":\"pending_add\"}\n"
    "{\"kind\":\"index\",\"entity\":\"posts\",\"name\":\"posts_by_day\",\"fields\":[\"day\"]}\n";

/* What is in the canonical form, staged states and all, comes out byte for byte. */
START_TEST(canonical_bytes) {
    struct catalog_kit kit;
    struct merkle_buffer text;
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
    int result = import_into(&kit, canonical, strlen(canonical));
    ck_assert_msg(result == 0, "line %u: %s", kit.problem.line, kit.problem.message);
    export_text(kit.catalog, &text);
    ck_assert_str_eq((const char *)text.data, canonical);
    merkle_buffer_close(&text);

    /* Dropped entries are not exported. */
    ck_assert_int_eq(catalog_kit_apply_drop(&kit, CATALOG_INDEX, "posts", "posts_by_day"), 0);
    export_text(kit.catalog, &text);
    ck_assert_ptr_null(strstr((const char *)text.data, "posts_by_day"));
    merkle_buffer_close(&text);
    catalog_kit_close(&kit);
}
END_TEST

/* An entry of a kind that this version does not know travels through export and import, and keeps its body (G10). */
START_TEST(unknown_kinds) {
    struct catalog_kit kit;
    struct catalog_kit other;
    struct merkle_buffer text;
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
    catalog_kit_init(&other, &merkle_allocator_libc, 2);
    static const uint8_t body[] = {0x81, 0xa1, 'a', 0x01};
    struct catalog_write write = {
        .operation = CATALOG_SET,
        .key = catalog_kit_key(9, "users", "trigger"),
        .body = body,
        .body_size_bytes = sizeof body,
    };
    ck_assert_int_eq(catalog_kit_apply(&kit, &write, 1), 0);
    export_text(kit.catalog, &text);
    ck_assert_int_eq(import_into(&other, (const char *)text.data, text.size_bytes), 0);
    struct catalog_version version =
        catalog_entry_in_force(catalog_find(other.catalog, &write.key));
    ck_assert_uint_eq(version.body_size_bytes, sizeof body);
    ck_assert_mem_eq(version.body, body, sizeof body);
    ck_assert_int_eq(import_into(&kit, (const char *)text.data, text.size_bytes), 0);
    ck_assert_uint_eq(kit.entry_count, 0);

    /* Its bytes are an entry's, checked like those of a peer. */
    static const char *const bad[] = {
        "{\"kind\":9,\"entity\":\"users\",\"name\":\"trigger\",\"bytes\":\"AAAA\"}",
        "{\"kind\":9,\"entity\":\"users\",\"name\":\"trigger\",\"bytes\":\"A\"}",
        "{\"kind\":9,\"entity\":\"users\",\"name\":\"trigger\",\"bytes\":\"AB==\"}",
        "{\"kind\":9,\"entity\":\"users\",\"name\":\"trigger\",\"bytes\":\"=\"}",
        "{\"kind\":9,\"entity\":\"users\",\"name\":\"trigger\"}",
        "{\"kind\":3,\"entity\":\"users\",\"name\":\"trigger\",\"bytes\":\"\"}",
        "{\"kind\":70000,\"entity\":\"users\",\"name\":\"trigger\",\"bytes\":\"\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
        struct catalog_import *import = parse(bad[i]);
        ck_assert_uint_eq(import->problem_count, 1);
        ck_assert_int_eq(import->problems[0].code, CATALOG_EMALFORMED);
        catalog_import_free(import);
    }
    merkle_buffer_close(&text);
    catalog_kit_close(&other);
    catalog_kit_close(&kit);
}
END_TEST

/* Every line that is malformed is named, and then there are no writes. */
START_TEST(bad_lines) {
    static const char text[] =
        "{\"kind\":\"schema\",\"entity\":\"a\",\"fields\":{}}\r\n"   /* 1: right */
        "\n"                                                         /* 2: blank */
        "{\"kind\":\"schema\",\"entity\":\"b\",\"fields\":{}\n"      /* 3: not JSON */
        "[]\n"                                                       /* 4: no object */
        "{\"kind\":\"table\",\"entity\":\"a\"}\n"                    /* 5: no such kind */
        "{\"kind\":\"schema\",\"entity\":7,\"fields\":{}}\n"         /* 6: entity */
        "{\"kind\":\"schema\",\"entity\":\"a/b\",\"fields\":{}}\n"   /* 7: a slash */
        "{\"kind\":\"index\",\"entity\":\"a\",\"fields\":[\"x\"]}\n" /* 8: no name */
        "{\"kind\":\"schema\",\"entity\":\"a\",\"name\":\"n\",\"fields\":{}}\n" /* 9: a name */
        "{\"kind\":\"schema\",\"entity\":\"a\",\"state\":\"dropped\",\"fields\":{}}\n"
        "{\"kind\":\"schema\",\"entity\":\"a\",\"fields\":{\"x\":{\"type\":\"text\"}}}\n"
        "{\"kind\":\"schema\",\"entity\":\"a\",\"fields\":{},\"colour\":1}\n"
        "{\"kind\":\"schema\",\"entity\":\"a\",\"fields\":{\"x\":{\"type\":\"integer\",\"default\":"
        "\"1\"}}}\n"
        "{\"kind\":\"schema\",\"entity\":\"a\",\"entity\":\"a\",\"fields\":{}}\n"
        "{\"kind\":\"index\",\"entity\":\"a\",\"name\":7,\"fields\":[\"x\"]}"; /* 15, without a newline */
    struct catalog_import *import = parse(text);
    ck_assert_uint_eq(import->write_count, 0);
    ck_assert_uint_eq(import->problem_count, 13);
    for (size_t i = 0; i < import->problem_count; ++i) {
        ck_assert_uint_eq(import->problems[i].line, i + 3);
        ck_assert_int_eq(import->problems[i].code, CATALOG_EMALFORMED);
        ck_assert_uint_gt(strlen(import->problems[i].message), 5);
    }
    catalog_import_free(import);
    static const char nul[] = "{\"kind\":\"schema\",\"entity\":\"a\",\"fields\":{}}\0, or not";
    ck_assert_int_eq(catalog_import_parse(&merkle_allocator_libc, nul, sizeof nul - 1, &import), 0);
    ck_assert_uint_eq(import->problem_count, 1);
    catalog_import_free(import);
    import = parse("");
    ck_assert_uint_eq(import->write_count + import->problem_count, 0);
    catalog_import_free(import);
}
END_TEST

/* A file of nothing but errors yields a bounded number of problems (G8). */
START_TEST(bounded_problems) {
    enum { LINES = 3000 };
    char text[LINES * 2 + 1];
    for (size_t i = 0; i < LINES; ++i) {
        memcpy(text + 2 * i, "x\n", 2);
    }
    text[sizeof text - 1] = '\0';
    struct catalog_import *import = parse(text);
    ck_assert_uint_eq(import->problem_count, CATALOG_PROBLEMS_MAX);
    ck_assert_uint_eq(import->problems[CATALOG_PROBLEMS_MAX - 1].line, CATALOG_PROBLEMS_MAX);
    catalog_import_free(import);
}
END_TEST

/* An import never drops: what it does not name stays; and it is one batch, each refused line named. */
START_TEST(one_batch) {
    struct catalog_kit kit;
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_SCHEMA, "old", "", "{\"fields\":{}}"), 0);
    struct catalog_import *import =
        parse("{\"kind\":\"schema\",\"entity\":\"a\",\"fields\":{\"x\":{\"type\":\"string\"}}}\n"
              "{\"kind\":\"index\",\"entity\":\"a\",\"name\":\"i\",\"fields\":[\"y\"]}\n"
              "{\"kind\":\"constraint\",\"entity\":\"a\",\"name\":\"u\",\"type\":\"unique\","
              "\"fields\":[\"x\"]}\n"
              "{\"kind\":\"constraint\",\"entity\":\"a\",\"name\":\"v\",\"type\":\"unique\","
              "\"fields\":[\"x\"]}\n");
    struct catalog_plan *plan = catalog_kit_plan(&kit, import->writes, import->write_count);
    ck_assert_uint_eq(plan->problem_count, 2);
    ck_assert_uint_eq(plan->problems[0].line, 2);
    ck_assert_int_eq(plan->problems[0].code, CATALOG_EMISSINGFIELD);
    ck_assert_uint_eq(plan->problems[1].line, 4);
    ck_assert_int_eq(plan->problems[1].code, CATALOG_ESAMEMEANING);
    catalog_plan_free(plan);
    catalog_import_free(import);
    ck_assert_int_eq(import_into(&kit, canonical, strlen(canonical)), 0);
    ck_assert_uint_eq(catalog_count(kit.catalog).entries, 6);
    catalog_kit_close(&kit);
}
END_TEST

/* Whichever allocation fails, parsing gives everything back. */
START_TEST(out_of_memory) {
    static const char bad[] = "x\n";
    const char *const texts[] = {canonical, bad};
    for (size_t i = 0; i < 2; ++i) {
        for (size_t allowed = 0;; ++allowed) {
            struct alloc_fault fault = {.allowed = allowed};
            const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
            struct catalog_import *import = NULL;
            int result = catalog_import_parse(&allocator, texts[i], strlen(texts[i]), &import);
            catalog_import_free(import);
            ck_assert_uint_eq(fault.live_blocks, 0);
            if (result == 0) {
                ck_assert_uint_gt(allowed, 0);
                break;
            }
            ck_assert_int_eq(result, CATALOG_ENOMEM);
            ck_assert_uint_eq(fault.fired, 1);
        }
    }
}
END_TEST

Suite *import_suite(void);
Suite *import_suite(void) {
    Suite *suite = suite_create("import");
    TCase *parse_case = tcase_create("catalog_import_parse");
    tcase_add_test(parse_case, unknown_kinds);
    tcase_add_test(parse_case, bad_lines);
    tcase_add_test(parse_case, bounded_problems);
    tcase_add_test(parse_case, out_of_memory);
    suite_add_tcase(suite, parse_case);
    TCase *export_case = tcase_create("catalog_export");
    tcase_add_test(export_case, real_catalogs);
    tcase_add_test(export_case, canonical_bytes);
    tcase_add_test(export_case, one_batch);
    suite_add_tcase(suite, export_case);
    return suite;
}
