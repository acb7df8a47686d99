/* test_span.c - reading MessagePack value by value. What each first byte means is tested with the checker that is built
 * of it (test_canonical.c); here is what the reader gives back. */
#include "catalog/span.h"

#include <check.h>
#include <string.h>

#define SPAN(bytes)                                                                                \
    ((struct catalog__span){(const uint8_t *)(bytes), (const uint8_t *)(bytes) + sizeof(bytes) - 1})

/* Each kind of value is read with its content, and the span then stands behind it. */
START_TEST(next_gives_each_kind) {
    struct catalog__span span = SPAN("\x07\xcd\x01\x00\xff\xd1\xff\x00\xc0\xc3\xcb\x3f\xe0\0\0\0\0"
                                     "\0\0\xa2hi\xc4\x01\xfe\x92\x81");
    struct catalog__value value;
    ck_assert_int_eq(catalog__span_next(&span, &value), 0);
    ck_assert_int_eq(value.kind, CATALOG__VALUE_UNSIGNED);
    ck_assert_uint_eq(value.unsigned_integer, 7);
    ck_assert_int_eq(catalog__span_next(&span, &value), 0);
    ck_assert_uint_eq(value.unsigned_integer, 256);
    ck_assert_int_eq(catalog__span_next(&span, &value), 0);
    ck_assert_int_eq(value.kind, CATALOG__VALUE_NEGATIVE);
    ck_assert_int_eq(value.negative_integer, -1);
    ck_assert_int_eq(catalog__span_next(&span, &value), 0);
    ck_assert_int_eq(value.negative_integer, -256);
    ck_assert_int_eq(catalog__span_next(&span, &value), 0);
    ck_assert_int_eq(value.kind, CATALOG__VALUE_NIL);
    ck_assert_int_eq(catalog__span_next(&span, &value), 0);
    ck_assert_int_eq(value.kind, CATALOG__VALUE_BOOLEAN);
    ck_assert(value.boolean);
    ck_assert_int_eq(catalog__span_next(&span, &value), 0);
    ck_assert_int_eq(value.kind, CATALOG__VALUE_REAL);
    ck_assert_double_eq(value.real, 0.5);
    ck_assert_int_eq(catalog__span_next(&span, &value), 0);
    ck_assert_int_eq(value.kind, CATALOG__VALUE_TEXT);
    ck_assert(catalog__text_is(value.text, "hi"));
    ck_assert_int_eq(catalog__span_next(&span, &value), 0);
    ck_assert_int_eq(value.kind, CATALOG__VALUE_BINARY);
    ck_assert_uint_eq(value.text.size_bytes, 1);
    /* An array of two, of which one is to come, is a lie. */
    ck_assert_int_eq(catalog__span_next(&span, &value), CATALOG_EMALFORMED);
}
END_TEST

/* A value is stepped over whole, however deep; one that is cut short is refused. */
START_TEST(skip_steps_over_a_whole_value) {
    struct catalog__span span = SPAN("\x93\x81\xa1"
                                     "a\x91\x01\xc0\x90\x05");
    ck_assert_int_eq(catalog__span_skip(&span), 0);
    ck_assert_int_eq(span.end - span.next, 1);
    uint64_t number;
    ck_assert(catalog__span_unsigned(&span, &number));
    ck_assert_uint_eq(number, 5);
    ck_assert_int_eq(catalog__span_skip(&span), CATALOG_EMALFORMED);
    span = SPAN("\x92\x91\x01");
    ck_assert_int_eq(catalog__span_skip(&span), CATALOG_EMALFORMED);
}
END_TEST

/* A reader of one kind refuses all others. */
START_TEST(readers_refuse_other_kinds) {
    size_t count;
    uint64_t number;
    bool boolean;
    struct catalog_id id;
    struct catalog_text text;
    const uint8_t *bytes;
    ck_assert(catalog__span_array(&SPAN("\x91\x01"), &count));
    ck_assert_uint_eq(count, 1);
    ck_assert(!catalog__span_array(&SPAN("\x80"), &count));
    ck_assert(catalog__span_map(&SPAN("\x80"), &count));
    ck_assert(!catalog__span_map(&SPAN("\x90"), &count));
    ck_assert(!catalog__span_text(&SPAN("\xc4\x01z"), &text));
    ck_assert(!catalog__span_unsigned(&SPAN("\xff"), &number));
    ck_assert(!catalog__span_boolean(&SPAN("\xc0"), &boolean));
    ck_assert(!catalog__span_id(&SPAN("\xc4\x01z"), &id));
    ck_assert(catalog__span_id(&SPAN("\xc4\x10"
                                     "0123456789abcdef"),
                               &id));
    ck_assert_mem_eq(id.bytes, "0123456789abcdef", 16);
    ck_assert(catalog__span_literal(&SPAN("\xa2hi"), "hi"));
    ck_assert(!catalog__span_literal(&SPAN("\xa2hi"), "ho"));
    ck_assert(catalog__span_value(&SPAN("\x91\x01\x02"), &bytes, &count));
    ck_assert_uint_eq(count, 2);
    ck_assert(!catalog__span_value(&SPAN("\x91"), &bytes, &count));
}
END_TEST

Suite *span_suite(void);

Suite *span_suite(void) {
    Suite *suite = suite_create("span");
    TCase *next = tcase_create("catalog__span_next");
    tcase_add_test(next, next_gives_each_kind);
    suite_add_tcase(suite, next);
    TCase *skip = tcase_create("catalog__span_skip");
    tcase_add_test(skip, skip_steps_over_a_whole_value);
    tcase_add_test(skip, readers_refuse_other_kinds);
    suite_add_tcase(suite, skip);
    return suite;
}
