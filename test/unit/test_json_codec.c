/* test_json_codec.c - JSON values into canonical MessagePack. */
#include "catalog/json_codec.h"

#include <check.h>
#include <string.h>

static int append(void *context, const char *bytes, size_t size_bytes) {
    return merkle_buffer_append(context, bytes, size_bytes);
}

static int pack(const char *json, unsigned depth_max, struct merkle_buffer *body) {
    struct catalog__json_parse parse = {.body = body};
    msgpack_packer_init(&parse.packer, body, append);
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    ck_assert_ptr_nonnull(value);
    int result = catalog__json_pack_value(&parse, value, depth_max);
    json_decref(value);
    return result;
}

/* Each value has its shortest form, whole numbers are integers, keys are sorted: what the checker accepts. */
START_TEST(values_are_packed_canonically) {
    static const struct {
        const char *json, *bytes;
        size_t size_bytes;
    } cases[] = {
        {"null", "\xc0", 1},
        {"true", "\xc3", 1},
        {"-1", "\xff", 1},
        {"128", "\xcc\x80", 2},
        {"0.0", "\x00", 1},
        {"-0.0", "\x00", 1},
        {"1e2", "\x64", 1},
        {"-1e2", "\xd0\x9c", 2},
        {"0.5", "\xcb\x3f\xe0\0\0\0\0\0\0", 9},
        {"1e19", "\xcf\x8a\xc7\x23\x04\x89\xe8\x00\x00", 9},
        {"-9223372036854775808.0", "\xd3\x80\0\0\0\0\0\0\0", 9},
        {"1e20", "\xcb\x44\x15\xaf\x1d\x78\xb5\x8c\x40", 9},
        {"\"x\"", "\xa1x", 2},
        {"{\"b\":[1,{}],\"a\":2,\"ab\":[]}",
         "\x83\xa1"
         "a\x02\xa2"
         "ab\x90\xa1"
         "b\x92\x01\x80",
         13},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct merkle_buffer body;
        merkle_buffer_init(&body, &merkle_allocator_libc);
        ck_assert_int_eq(pack(cases[i].json, 3, &body), 0);
        ck_assert_uint_eq(body.size_bytes, cases[i].size_bytes);
        ck_assert_mem_eq(body.data, cases[i].bytes, body.size_bytes);
        ck_assert_int_eq(catalog_msgpack_check(body.data, body.size_bytes, 3), 0);
        merkle_buffer_close(&body);
    }
}
END_TEST

/* Depth is counted as the checker counts it. */
START_TEST(depth_is_bounded) {
    struct merkle_buffer body;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    ck_assert_int_eq(pack("5", 0, &body), 0);
    ck_assert_int_eq(pack("[]", 0, &body), CATALOG_ETOODEEP);
    ck_assert_int_eq(pack("[{\"a\":[]}]", 3, &body), 0);
    ck_assert_int_eq(pack("[{\"a\":[]}]", 2, &body), CATALOG_ETOODEEP);
    merkle_buffer_close(&body);
}
END_TEST

/* A problem is one sentence of valid UTF-8, also when it is cut; without a place for it only the code is given. */
START_TEST(refusal_is_cut_between_characters) {
    char text[1200];
    for (size_t i = 0; i < sizeof text - 1; i++) {
        text[i] = "\xe2\x82\xac"[i % 3];
    }
    text[sizeof text - 1] = '\0';
    struct catalog_problem problem;
    struct catalog__json_parse parse = {.problem = &problem};
    for (int offset = 0; offset < 3; offset++) {
        ck_assert_int_eq(
            catalog__json_refuse(&parse, CATALOG_EMALFORMED, "%.*s%s", offset, "abc", text),
            CATALOG_EMALFORMED);
        ck_assert(catalog__utf8_valid(problem.message, strlen(problem.message)));
        ck_assert_uint_gt(strlen(problem.message), sizeof problem.message - 4);
    }
    parse.problem = NULL;
    ck_assert_int_eq(catalog__json_refuse(&parse, CATALOG_ETOOBIG, "x"), CATALOG_ETOOBIG);
}
END_TEST

Suite *json_codec_suite(void);

Suite *json_codec_suite(void) {
    Suite *suite = suite_create("json_codec");
    TCase *packing = tcase_create("catalog__json_pack_value");
    tcase_add_test(packing, values_are_packed_canonically);
    tcase_add_test(packing, depth_is_bounded);
    suite_add_tcase(suite, packing);
    TCase *refusing = tcase_create("catalog__json_refuse");
    tcase_add_test(refusing, refusal_is_cut_between_characters);
    suite_add_tcase(suite, refusing);
    return suite;
}
