/* test_staged_rule.c - which step of a staged change is next (DESIGN 4.3, 7.6): the whole table, without an engine. */
#include "gossip/staged_rule.h"

#include <check.h>

enum { SET = GOSSIP_STAGED_SET, DROP = GOSSIP_STAGED_DROP, ABORT = GOSSIP_STAGED_ABORT };

static struct gossip__staged_view view_of(enum catalog_state state, bool same_body) {
    return (struct gossip__staged_view){
        .present = true, .state = state, .same_body = same_body, .owned = true, .agreed = true};
}

static struct gossip__staged_step next(int change, bool begun, struct gossip__staged_view view) {
    return gossip__staged_next((enum gossip_staged)change, begun, &view);
}

static void check_write(struct gossip__staged_step step, enum catalog_state state,
                        enum gossip__staged_body body) {
    ck_assert_int_eq(step.move, GOSSIP__STAGED_WRITE);
    ck_assert_int_eq(step.state, state);
    ck_assert(state == CATALOG_DROPPED || step.body == body);
}

static void check_refused(struct gossip__staged_step step, int code) {
    ck_assert_int_eq(step.move, GOSSIP__STAGED_REFUSE);
    ck_assert_int_eq(step.code, code);
    ck_assert_ptr_nonnull(step.text);
}

START_TEST(steps_of_a_set) {
    /* absent, dropped, or another body -> pending_add -> active -> done. */
    const struct gossip__staged_view absent = {.present = false};
    check_write(next(SET, false, absent), CATALOG_PENDING_ADD, GOSSIP__STAGED_BODY_WANTED);
    check_write(next(SET, false, view_of(CATALOG_DROPPED, false)), CATALOG_PENDING_ADD,
                GOSSIP__STAGED_BODY_WANTED);
    check_write(next(SET, false, view_of(CATALOG_ACTIVE, false)), CATALOG_PENDING_ADD,
                GOSSIP__STAGED_BODY_WANTED);
    check_write(next(SET, true, view_of(CATALOG_PENDING_ADD, true)), CATALOG_ACTIVE,
                GOSSIP__STAGED_BODY_WANTED);
    ck_assert_int_eq(next(SET, true, view_of(CATALOG_ACTIVE, true)).move, GOSSIP__STAGED_DONE);
    ck_assert_int_eq(next(SET, false, view_of(CATALOG_ACTIVE, true)).move, GOSSIP__STAGED_DONE);
    check_refused(next(SET, false, view_of(CATALOG_PENDING_ADD, false)), CATALOG_ESTATE);
    check_refused(next(SET, false, view_of(CATALOG_PENDING_DROP, true)), CATALOG_ESTATE);
}
END_TEST

START_TEST(steps_of_a_drop) {
    /* active -> pending_drop -> dropped -> done; what never was is not found. */
    const struct gossip__staged_view absent = {.present = false};
    check_write(next(DROP, false, view_of(CATALOG_ACTIVE, false)), CATALOG_PENDING_DROP,
                GOSSIP__STAGED_BODY_IN_FORCE);
    check_write(next(DROP, true, view_of(CATALOG_PENDING_DROP, false)), CATALOG_DROPPED, 0);
    ck_assert_int_eq(next(DROP, true, view_of(CATALOG_DROPPED, false)).move, GOSSIP__STAGED_DONE);
    ck_assert_int_eq(next(DROP, true, absent).move, GOSSIP__STAGED_DONE);
    check_refused(next(DROP, false, absent), CATALOG_ENOTFOUND);
    check_refused(next(DROP, false, view_of(CATALOG_PENDING_ADD, false)), CATALOG_ESTATE);
}
END_TEST

START_TEST(steps_of_an_abort) {
    /* pending_add -> its `previous`, or dropped; pending_drop -> active; of anything else there is no abort. */
    const struct gossip__staged_view absent = {.present = false};
    struct gossip__staged_view view = view_of(CATALOG_PENDING_ADD, false);
    view.own = true;
    view.agreed = false; /* nobody is waited for before it */
    check_write(next(ABORT, false, view), CATALOG_DROPPED, 0);
    view.has_previous = true;
    check_write(next(ABORT, false, view), CATALOG_ACTIVE, GOSSIP__STAGED_BODY_PREVIOUS);
    view.state = CATALOG_PENDING_DROP;
    check_write(next(ABORT, false, view), CATALOG_ACTIVE, GOSSIP__STAGED_BODY_IN_FORCE);
    view.own = false; /* it takes over: others may still take a step of the former owner */
    ck_assert_int_eq(next(ABORT, false, view).move, GOSSIP__STAGED_AGREE);
    view.agreed = true;
    check_write(next(ABORT, false, view), CATALOG_ACTIVE, GOSSIP__STAGED_BODY_IN_FORCE);
    ck_assert_int_eq(next(ABORT, true, view_of(CATALOG_ACTIVE, false)).move, GOSSIP__STAGED_DONE);
    ck_assert_int_eq(next(ABORT, true, absent).move, GOSSIP__STAGED_DONE);
    check_refused(next(ABORT, false, absent), CATALOG_ESTATE);
    check_refused(next(ABORT, false, view_of(CATALOG_ACTIVE, true)), CATALOG_ESTATE);
    check_refused(next(ABORT, false, view_of(CATALOG_DROPPED, false)), CATALOG_ESTATE);
}
END_TEST

START_TEST(agreement_before_each_step) {
    /* B36: what stands is agreed before a step is taken over it, and before the change is called done. */
    static const struct {
        int change;
        enum catalog_state state;
        bool same_body, begun;
    } cases[] = {
        {SET, CATALOG_DROPPED, false, false},      {SET, CATALOG_ACTIVE, false, false},
        {SET, CATALOG_PENDING_ADD, true, true},    {SET, CATALOG_PENDING_ADD, true, false},
        {SET, CATALOG_ACTIVE, true, true},         {DROP, CATALOG_ACTIVE, false, false},
        {DROP, CATALOG_PENDING_DROP, false, true}, {DROP, CATALOG_DROPPED, false, true},
        {ABORT, CATALOG_ACTIVE, false, true},      {ABORT, CATALOG_DROPPED, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gossip__staged_view view = view_of(cases[i].state, cases[i].same_body);
        view.agreed = false;
        ck_assert_msg(next(cases[i].change, cases[i].begun, view).move == GOSSIP__STAGED_AGREE,
                      "case %zu", i);
        view.agreed = true;
        ck_assert_msg(next(cases[i].change, cases[i].begun, view).move != GOSSIP__STAGED_AGREE,
                      "case %zu", i);
    }
}
END_TEST

START_TEST(only_the_owner_leaves_pending) {
    /* B37: no step and no abort out of a pending state is taken by another than its owner. */
    for (int agreed = 0; agreed < 2; agreed++) {
        struct gossip__staged_view view = view_of(CATALOG_PENDING_ADD, true);
        view.owned = false;
        view.agreed = agreed == 1;
        ck_assert_int_eq(next(SET, false, view).move, GOSSIP__STAGED_FORWARD);
        ck_assert_int_eq(next(ABORT, false, view).move, GOSSIP__STAGED_FORWARD);
        view.has_previous = true;
        ck_assert_int_eq(next(ABORT, false, view).move, GOSSIP__STAGED_FORWARD);
        view.state = CATALOG_PENDING_DROP;
        ck_assert_int_eq(next(DROP, false, view).move, GOSSIP__STAGED_FORWARD);
        ck_assert_int_eq(next(ABORT, false, view).move, GOSSIP__STAGED_FORWARD);
    }
}
END_TEST

START_TEST(what_happens_meanwhile) {
    /* A change that had begun and was aborted, dropped or replaced does not begin anew; a conflict is resolved first. */
    check_refused(next(SET, true, view_of(CATALOG_ACTIVE, false)), CATALOG_ESTATE);
    check_refused(next(SET, true, view_of(CATALOG_DROPPED, false)), CATALOG_ESTATE);
    check_refused(next(SET, true, (struct gossip__staged_view){0}), CATALOG_ESTATE);
    check_refused(next(DROP, true, view_of(CATALOG_ACTIVE, false)), CATALOG_ESTATE);
    struct gossip__staged_view view = view_of(CATALOG_PENDING_ADD, true);
    view.conflict = true;
    for (int change = SET; change <= ABORT; change++) {
        check_refused(next(change, false, view), CATALOG_ESTATE);
        check_refused(next(change, true, view), CATALOG_ESTATE);
    }
}
END_TEST

Suite *staged_rule_suite(void);
Suite *staged_rule_suite(void) {
    Suite *suite = suite_create("staged_rule");
    TCase *rule = tcase_create("staged_rule");
    tcase_add_test(rule, steps_of_a_set);
    tcase_add_test(rule, steps_of_a_drop);
    tcase_add_test(rule, steps_of_an_abort);
    tcase_add_test(rule, agreement_before_each_step);
    tcase_add_test(rule, only_the_owner_leaves_pending);
    tcase_add_test(rule, what_happens_meanwhile);
    suite_add_tcase(suite, rule);
    return suite;
}
