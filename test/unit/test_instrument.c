/* test_instrument.c - planted bugs and probes: absent where they are not asked for, found where they are. */
#include "merkle/instrument.h"

#include <assert.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#ifdef ATTUNE_PLANTS

START_TEST(one_at_a_time) {
    /* Only the bug that is switched on is true; none at first. */
    enum attune_plant before = attune_planted;
    attune_planted = ATTUNE_PLANT_NONE;
    for (unsigned i = ATTUNE_PLANT_NONE + 1; i < ATTUNE_PLANT_COUNT; i++) {
        ck_assert(!PLANTED((enum attune_plant)i));
    }
    attune_planted = ATTUNE_B07;
    for (unsigned i = ATTUNE_PLANT_NONE + 1; i < ATTUNE_PLANT_COUNT; i++) {
        ck_assert_int_eq(PLANTED((enum attune_plant)i), i == ATTUNE_B07);
    }
    attune_planted = before;
}
END_TEST

START_TEST(each_is_found_by_its_name) {
    /* The table has a name, a description and a catcher for each, and finding gives back the same one. */
    for (unsigned i = ATTUNE_PLANT_NONE + 1; i < ATTUNE_PLANT_COUNT; i++) {
        enum attune_plant found = ATTUNE_PLANT_NONE;
        ck_assert_ptr_nonnull(attune_plants[i].name);
        ck_assert(attune_plant_find(attune_plants[i].name, &found));
        ck_assert_uint_eq(found, i);
        ck_assert_uint_gt(strlen(attune_plants[i].what), 0);
        ck_assert_uint_gt(strlen(attune_plants[i].caught_by), 0);
    }
}
END_TEST

START_TEST(other_names_find_nothing) {
    /* What is no name of a planted bug is refused, and the result is left alone. */
    static const char *const names[] = {"", "B", "B0", "b07", "B07 ", "B99", "ATTUNE_B07"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        enum attune_plant found = ATTUNE_PLANT_COUNT;
        ck_assert_msg(!attune_plant_find(names[i], &found), "%s", names[i]);
        ck_assert_uint_eq(found, ATTUNE_PLANT_COUNT);
    }
}
END_TEST

#else

/* A constant, so that the compiler leaves out what stands behind it. */
static_assert(!PLANTED(ATTUNE_B07), "no planted bug is compiled");

START_TEST(constantly_false) {
    /* Without ATTUNE_PLANTS none of them is ever true, whatever the environment says. */
    setenv("ATTUNE_PLANT", "B07", 1);
#define X(name, what, caught_by) ck_assert(!PLANTED(ATTUNE_##name));
    ATTUNE_PLANT_LIST(X)
#undef X
    unsetenv("ATTUNE_PLANT");
}
END_TEST

#endif

#ifdef ATTUNE_PROBES

extern struct attune_probe *__start_attune_probes[];
extern struct attune_probe *__stop_attune_probes[];

static void pass_by(void) {
    PROBE("unit.instrument_probe");
}

START_TEST(probes_count_and_are_listed) {
    /* Each pass counts, and the linker's list has the probe, with its place. */
    const struct attune_probe *found = NULL;
    for (struct attune_probe **probe = __start_attune_probes; probe < __stop_attune_probes;
         probe++) {
        found = strcmp((*probe)->name, "unit.instrument_probe") == 0 ? *probe : found;
    }
    ck_assert_ptr_nonnull(found);
    ck_assert_str_eq(found->file, __FILE__);
    uint64_t before = found->hits;
    pass_by();
    pass_by();
    ck_assert_uint_eq(found->hits, before + 2);
}
END_TEST

#else

START_TEST(probes_are_nothing) {
    /* Without ATTUNE_PROBES a probe is an expression that does nothing, also where a statement of its own stands. */
    bool passed = false;
    if (!passed)
        PROBE("unit.instrument_probe_absent");
    else
        passed = true;
    ck_assert(!passed);
}
END_TEST

#endif

Suite *instrument_suite(void);

Suite *instrument_suite(void) {
    Suite *suite = suite_create("instrument");
    TCase *plants = tcase_create("planted");
#ifdef ATTUNE_PLANTS
    tcase_add_test(plants, one_at_a_time);
    tcase_add_test(plants, each_is_found_by_its_name);
    tcase_add_test(plants, other_names_find_nothing);
#else
    tcase_add_test(plants, constantly_false);
#endif
    suite_add_tcase(suite, plants);
    TCase *probes = tcase_create("probe");
#ifdef ATTUNE_PROBES
    tcase_add_test(probes, probes_count_and_are_listed);
#else
    tcase_add_test(probes, probes_are_nothing);
#endif
    suite_add_tcase(suite, probes);
    return suite;
}
