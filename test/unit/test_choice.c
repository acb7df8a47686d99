/* test_choice.c - the source of choices: repeatable, each for itself, mild when it is used up or masked. */
#include "test/sim/choice.h"
#include "test/sim/scenario.h"

#include <check.h>
#include <string.h>

/* Values stay below their bound, also at the ends of what a bound can be, and reach all of a small range. */
START_TEST(below_the_bound) {
    struct choice choice;
    unsigned seen[10] = {0};
    choice_seed(&choice, 3);
    for (unsigned i = 0; i < 10000; i++) {
        seen[choice_below(&choice, 10, "digit")]++;
        ck_assert_uint_eq(choice_below(&choice, 1, "one"), 0);
        ck_assert_uint_lt(choice_below(&choice, UINT64_MAX, "any"), UINT64_MAX);
    }
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_msg(seen[i] > 850 && seen[i] < 1150, "%u: %u", i, seen[i]);
    }
}
END_TEST

/* The n-th choice of a seed is a function of the seed and n: what was asked before it, and with which bounds, is the
 * same. */
START_TEST(each_for_itself) {
    struct choice a;
    struct choice b;
    choice_seed(&a, 3);
    choice_seed(&b, 3);
    for (unsigned i = 0; i < 1000; i++) {
        choice_below(&a, 1 + i % 7, "this");
        choice_below(&b, 1000 + i, "that");
        ck_assert_uint_eq(choice_below(&a, 1 << 30, "same"), choice_below(&b, 1 << 30, "same"));
    }
    ck_assert_uint_eq(a.made, 2000);
}
END_TEST

/* Another seed, also the next one, gives other choices; a seed of 0 is one like any other. */
START_TEST(seeds_differ) {
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct choice a;
        struct choice b;
        unsigned equal = 0;
        choice_seed(&a, seed);
        choice_seed(&b, seed + 1);
        for (unsigned i = 0; i < 100; i++) {
            equal += choice_below(&a, 1000, "a") == choice_below(&b, 1000, "b");
        }
        ck_assert_uint_lt(equal, 10);
    }
}
END_TEST

/* Choices within the kept ranges have the value that the seed gives, all others are 0. */
START_TEST(kept_ranges) {
    static const struct scenario_kept kept[] = {{2, 4}, {4, 5}, {9, 10}, {90, 1000}};
    struct choice all;
    struct choice some;
    choice_seed(&all, 8);
    choice_seed(&some, 8);
    choice_keep(&some, kept, 4);
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t whole = choice_below(&all, UINT64_MAX, "whole");
        uint64_t masked = choice_below(&some, UINT64_MAX, "masked");
        bool in = (i >= 2 && i < 5) || i == 9 || (i >= 90 && i < 1000);
        ck_assert_uint_gt(whole, 0);
        ck_assert_uint_eq(masked, in ? whole : 0);
    }
}
END_TEST

/* No ranges at all keep everything. */
START_TEST(nothing_masked) {
    struct choice all;
    struct choice some;
    choice_seed(&all, 8);
    choice_seed(&some, 8);
    choice_keep(&some, NULL, 0);
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_uint_eq(choice_below(&all, 1000, "whole"), choice_below(&some, 1000, "whole"));
    }
}
END_TEST

/* Bytes are taken big endian, as many as a bound needs; when they are used up every choice is 0. */
START_TEST(from_bytes) {
    static const uint8_t bytes[] = {7, 1, 2, 255, 9};
    struct choice choice;
    choice_bytes(&choice, bytes, sizeof bytes);
    ck_assert_uint_eq(choice_below(&choice, 256, "one byte"), 7);
    ck_assert_uint_eq(choice_below(&choice, 1, "no byte"), 0);
    ck_assert_uint_eq(choice_below(&choice, 257, "two bytes"), (1 * 256 + 2) % 257);
    ck_assert_uint_eq(choice_below(&choice, 10, "one byte"), 255 % 10);
    ck_assert_uint_eq(choice_below(&choice, 1 << 20, "the last, then zeros"),
                      (9 << 16) % (1 << 20));
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_uint_eq(choice_below(&choice, 1000, "used up"), 0);
        ck_assert(!choice_percent(&choice, 99, "used up"));
        ck_assert_uint_eq(choice_delay(&choice, 1000, "used up"), 0);
    }
}
END_TEST

/* A percentage comes true as often as it says, never at 0, always at 100. */
START_TEST(percentages) {
    struct choice choice;
    unsigned often = 0;
    choice_seed(&choice, 4);
    for (unsigned i = 0; i < 10000; i++) {
        often += choice_percent(&choice, 20, "some");
        ck_assert(!choice_percent(&choice, 0, "none"));
        ck_assert(choice_percent(&choice, 100, "all"));
    }
    ck_assert_msg(often > 1800 && often < 2200, "%u", often);
}
END_TEST

/* Delays are around their mean, at most 16 times as long; of a mean of 0 they are 0. */
START_TEST(delays) {
    struct choice choice;
    uint64_t sum = 0;
    uint64_t longest = 0;
    choice_seed(&choice, 4);
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t delay = choice_delay(&choice, 1000, "delay");
        longest = delay > longest ? delay : longest;
        sum += delay;
        ck_assert_uint_eq(choice_delay(&choice, 0, "none"), 0);
    }
    ck_assert_uint_le(longest, 16000);
    ck_assert_uint_gt(longest, 4000);
    ck_assert_msg(sum > 10000 * 650ULL && sum < 10000 * 1000ULL, "%llu", (unsigned long long)sum);
}
END_TEST

/* Identities are never 0, differ by seed, node, start and purpose, are not masked, and count as no choice. */
START_TEST(identities) {
    static const struct scenario_kept none_of_them[] = {{1000000, 1000001}};
    struct choice choice;
    uint64_t seen[2 * 20 * 20 * 4];
    size_t count = 0;
    for (uint64_t seed = 0; seed < 2; seed++) {
        choice_seed(&choice, seed);
        for (unsigned i = 0; i < 20 * 20 * 4; i++) {
            seen[count] = choice_identity(&choice, i / 80, i / 4 % 20, i % 4);
            ck_assert_uint_ne(seen[count], 0);
            for (size_t j = 0; j < count; j++) {
                ck_assert_uint_ne(seen[count], seen[j]);
            }
            count++;
        }
    }
    ck_assert_uint_eq(choice.made, 0);
    choice_keep(&choice, none_of_them, 1);
    ck_assert_uint_eq(choice_below(&choice, 1000, "masked"), 0);
    ck_assert_uint_eq(choice_identity(&choice, 19, 19, 3), seen[count - 1]);
    choice_bytes(&choice, (const uint8_t *)"", 0);
    ck_assert_uint_ne(choice_identity(&choice, 0, 0, 0), 0);
    ck_assert_uint_ne(choice_identity(&choice, 0, 0, 0), choice_identity(&choice, 1, 0, 0));
}
END_TEST

Suite *choice_suite(void);
Suite *choice_suite(void) {
    Suite *suite = suite_create("choice");
    TCase *below = tcase_create("choice_below");
    tcase_add_test(below, below_the_bound);
    tcase_add_test(below, each_for_itself);
    tcase_add_test(below, seeds_differ);
    suite_add_tcase(suite, below);
    TCase *keep = tcase_create("choice_keep");
    tcase_add_test(keep, kept_ranges);
    tcase_add_test(keep, nothing_masked);
    suite_add_tcase(suite, keep);
    TCase *bytes = tcase_create("choice_bytes");
    tcase_add_test(bytes, from_bytes);
    suite_add_tcase(suite, bytes);
    TCase *shapes = tcase_create("choice_percent");
    tcase_add_test(shapes, percentages);
    tcase_add_test(shapes, delays);
    suite_add_tcase(suite, shapes);
    TCase *identity = tcase_create("choice_identity");
    tcase_add_test(identity, identities);
    suite_add_tcase(suite, identity);
    return suite;
}
