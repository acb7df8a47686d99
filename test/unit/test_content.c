/* test_content.c - the content root: what two runs compare that ended with the same entries. */
#include "test/sim/content.h"

#include <check.h>
#include <string.h>

/* It is XXH3-128 without a seed, as `xxhsum -H2` prints it, so that it can be had without this program. */
START_TEST(as_xxhsum_prints_it) {
    char root[CONTENT_TEXT_SIZE];
    content_root("", 0, root);
    ck_assert_str_eq(root, "99aa06d3014798d86001c324468d497f");
    content_root("a\n", 2, root);
    ck_assert_str_eq(root, "5c73e7e3dcbb0395e841f27363849a18");
}
END_TEST

/* One byte more or another one is another content. */
START_TEST(differs) {
    struct merkle_digest a, b;
    content_digest("ab", 2, &a);
    content_digest("ac", 2, &b);
    ck_assert(!merkle_digest_equal(&a, &b));
    content_digest("abc", 3, &b);
    ck_assert(!merkle_digest_equal(&a, &b));
    content_digest("abc", 2, &b);
    ck_assert(merkle_digest_equal(&a, &b));
}
END_TEST

Suite *content_suite(void);
Suite *content_suite(void) {
    Suite *suite = suite_create("content");
    TCase *tests = tcase_create("content_root");
    tcase_add_test(tests, as_xxhsum_prints_it);
    tcase_add_test(tests, differs);
    suite_add_tcase(suite, tests);
    return suite;
}
