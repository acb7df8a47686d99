/* main.c - runs the unit tests: all of them, one suite, or one test case.
 *
 *      unit                    all
 *      unit tree               the suite of test/unit/test_tree.c
 *      unit merkle_insert      the test cases of this name, in whichever suite
 *
 * Ends with 0 if every test passed, 1 if one failed, 2 if there is none of that name. generated/suites.h holds a line
 * SUITE(name) for each file test/unit/test_<name>.c. Check's own environment variables work: CK_FORK=no for a debugger,
 * CK_VERBOSITY, CK_TAP_LOG_FILE_NAME. In a build with planted bugs (make MODE=plant) ATTUNE_PLANT=B22 switches one on.
 */
#include "merkle/instrument.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "suites.h"
#undef SUITE

struct named_suite {
    const char *name; /* of the file */
    Suite *(*make)(void);
};

static const struct named_suite suites[] = {
#define SUITE(name) {#name, name##_suite},
#include "suites.h"
#undef SUITE
    {NULL, NULL},
};

/* A test that hangs is killed after this many seconds, unless its case says otherwise. */
static const char seconds_a_test[] = "60";

static bool is_suite_name(const char *wanted) {
    for (const struct named_suite *suite = suites; suite->make != NULL; ++suite)
        if (wanted == NULL || strcmp(suite->name, wanted) == 0)
            return true;
    return false;
}

#ifdef ATTUNE_PLANTS
static bool plant_choose(void) {
    const char *name = getenv("ATTUNE_PLANT");
    return name == NULL || name[0] == '\0' || attune_plant_find(name, &attune_planted);
}
#else
static bool plant_choose(void) {
    return true;
}
#endif

int main(int argc, char **argv) {
    const char *wanted = argc > 1 && argv[1][0] != '\0' ? argv[1] : NULL;
    if (argc > 2) {
        fprintf(stderr, "usage: unit [SUITE|TEST-CASE]\n");
        return 2;
    }
    if (!plant_choose()) {
        fprintf(stderr, "unit: there is no planted bug of the name in ATTUNE_PLANT\n");
        return 2;
    }
    setenv("CK_DEFAULT_TIMEOUT", seconds_a_test, 0);

    SRunner *runner = srunner_create(NULL);
    SRunner *skipped = srunner_create(NULL); /* never run; frees the suites that are not wanted */
    const bool is_suite = is_suite_name(wanted);
    size_t chosen = 0;
    for (const struct named_suite *suite = suites; suite->make != NULL; ++suite) {
        Suite *made = suite->make();
        const bool is_wanted = wanted == NULL || (is_suite ? strcmp(suite->name, wanted) == 0
                                                           : suite_tcase(made, wanted) != 0);
        srunner_add_suite(is_wanted ? runner : skipped, made);
        chosen += is_wanted;
    }
    int result = 2;
    if (chosen > 0) {
        srunner_run(runner, NULL, is_suite ? NULL : wanted, CK_ENV);
        result = srunner_ntests_failed(runner) == 0 ? 0 : 1;
    } else {
        fprintf(stderr, "unit: there is no such suite or test case\n");
    }
    srunner_free(skipped);
    srunner_free(runner);
    return result;
}
