/* test_agreement_rule.c - who is required and who counts, and what may be said of an entry (G6), without an engine. */
#include "gossip/agreement_rule.h"
#include "test/unit/support/entry_maker.h"

#include <check.h>

/* An entry of one surviving version (o2, 20) that has seen (o1, 10). */
static struct catalog_entry *entry_new(void) {
    const struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, "posts", "n");
    const struct made_line lines[] = {{1, 10, 0, 'a'}, {2, 20, CATALOG_ACTIVE, 'a'}};
    return entry_maker_lines(&key, lines, 2);
}

START_TEST(covers_what_it_has_seen) {
    /* A version is there if the context has seen it; an absent pair counts as the horizon, a present one does not. */
    static const struct {
        uint8_t origin;
        catalog_clock clock, horizon;
        bool covered;
    } cases[] = {{2, 20, 0, true},  {2, 21, 0, false},  {1, 10, 0, true},
                 {1, 9, 0, true},   {1, 11, 0, false},  {1, 11, 15, false},
                 {3, 15, 15, true}, {3, 16, 15, false}, {3, 1, 0, false}};
    struct catalog_entry *entry = entry_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct gossip__agreement_pair pairs[2] = {
            {entry_maker_id(2), 20}, {entry_maker_id(cases[i].origin), cases[i].clock}};
        ck_assert_msg(gossip__agreement_covers(entry, pairs, 2, cases[i].horizon, true) ==
                          cases[i].covered,
                      "case %zu", i);
    }
    catalog_entry_release(entry);
}
END_TEST

START_TEST(absent_is_dropped_and_removed) {
    /* An absent entry is confirmed up to the horizon only, and never by a node that has lost rows. */
    const struct gossip__agreement_pair pair = {entry_maker_id(1), 10};
    ck_assert(gossip__agreement_covers(NULL, &pair, 1, 10, false));
    ck_assert(!gossip__agreement_covers(NULL, &pair, 1, 9, false));
    ck_assert(!gossip__agreement_covers(NULL, &pair, 1, 10, true));
}
END_TEST

START_TEST(confirms_when_ready) {
    /* Whoever is not ready confirms nothing, whatever it has. */
    struct catalog_entry *entry = entry_new();
    const struct gossip__agreement_pair pair = {entry_maker_id(2), 20};
    const struct gossip__agreement_pair later = {entry_maker_id(2), 21};
    const struct gossip__confirmer ready = {.ready = true};
    const struct gossip__confirmer newcomer = {.ready = false, .horizon = 99};
    ck_assert_int_eq(gossip__agreement_confirm(&ready, entry, &pair, 1, false),
                     GOSSIP__CONFIRMATION_HAS);
    ck_assert_int_eq(gossip__agreement_confirm(&ready, entry, &later, 1, false),
                     GOSSIP__CONFIRMATION_LACKS);
    ck_assert_int_eq(gossip__agreement_confirm(&newcomer, entry, &pair, 1, false),
                     GOSSIP__CONFIRMATION_NOT_READY);
    catalog_entry_release(entry);
}
END_TEST

START_TEST(a_step_wants_it_exactly) {
    /* B40, decision 0024: before a step of a staged change it must be these versions and no others, not what superseded them, and
     * not an absence that the horizon explains. */
    struct catalog_entry *entry = entry_new();
    const struct gossip__agreement_pair exact = {entry_maker_id(2), 20};
    const struct gossip__agreement_pair superseded = {entry_maker_id(1), 10};
    const struct gossip__agreement_pair both[] = {superseded, exact};
    const struct gossip__confirmer ready = {.ready = true, .horizon = 99};
    ck_assert_int_eq(gossip__agreement_confirm(&ready, entry, &exact, 1, true),
                     GOSSIP__CONFIRMATION_HAS);
    ck_assert_int_eq(gossip__agreement_confirm(&ready, entry, &superseded, 1, false),
                     GOSSIP__CONFIRMATION_HAS);
    ck_assert_int_eq(gossip__agreement_confirm(&ready, entry, &superseded, 1, true),
                     GOSSIP__CONFIRMATION_LACKS);
    ck_assert_int_eq(gossip__agreement_confirm(&ready, entry, both, 2, true),
                     GOSSIP__CONFIRMATION_LACKS);
    ck_assert_int_eq(gossip__agreement_confirm(&ready, NULL, &exact, 1, true),
                     GOSSIP__CONFIRMATION_LACKS);
    catalog_entry_release(entry);
}
END_TEST

static bool succeeds(const struct gossip__agreement_standing *standings, size_t count,
                     struct gossip__agreement_terms terms) {
    struct gossip__agreement_tally tally = {0};
    for (size_t i = 0; i < count; i++) {
        gossip__agreement_count(&tally, &standings[i], &terms);
    }
    return gossip__agreement_succeeds(&tally);
}

START_TEST(all_are_required) {
    /* B08: each member that was not removed must have confirmed, gone or not. */
    struct gossip__agreement_standing standings[3] = {
        {.confirmed = true}, {.confirmed = true}, {.confirmed = true}};
    const struct gossip__agreement_terms all = {0};
    ck_assert(succeeds(standings, 3, all));
    for (size_t i = 0; i < 3; i++) {
        standings[i].confirmed = false;
        ck_assert(!succeeds(standings, 3, all));
        standings[i].gone = true;
        ck_assert(!succeeds(standings, 3, all));
        standings[i].removed = true;
        ck_assert(succeeds(standings, 3, all));
        standings[i] = (struct gossip__agreement_standing){.confirmed = true};
    }
    ck_assert(!succeeds(NULL, 0, all)); /* nobody is no agreement */
}
END_TEST

START_TEST(skipping_needs_a_majority) {
    /* The dead are left out if more than half of all required have confirmed; the living never are. */
    const struct gossip__agreement_terms skip = {.skip_dead = true};
    for (size_t members = 1; members <= 5; members++) {
        for (size_t dead = 0; dead < members; dead++) {
            struct gossip__agreement_standing standings[5] = {{0}};
            for (size_t i = 0; i < members; i++) {
                standings[i].gone = i < dead;
                standings[i].confirmed = i >= dead;
            }
            ck_assert_int_eq(succeeds(standings, members, skip),
                             dead == 0 || 2 * (members - dead) > members);
        }
    }
    const struct gossip__agreement_standing slow[3] = {
        {.confirmed = true}, {.confirmed = true}, {.gone = false, .silent_ms = 1000000}};
    ck_assert(!succeeds(slow, 3, skip));
    /* A dead one that has confirmed counts. */
    const struct gossip__agreement_standing died[2] = {{.confirmed = true},
                                                       {.gone = true, .confirmed = true}};
    ck_assert(succeeds(died, 2, (struct gossip__agreement_terms){0}));
}
END_TEST

START_TEST(patience_with_the_dead) {
    /* A staged change skips only who has been silent for longer than the freshness limit. */
    struct gossip__agreement_standing standings[3] = {
        {.confirmed = true}, {.confirmed = true}, {.gone = true, .silent_ms = 5000}};
    const struct gossip__agreement_terms patient = {.skip_dead = true, .patience_ms = 5000};
    ck_assert(!succeeds(standings, 3, patient));
    standings[2].silent_ms = 5001;
    ck_assert(succeeds(standings, 3, patient));
    ck_assert(!succeeds(standings, 3, (struct gossip__agreement_terms){.patience_ms = 5000}));
}
END_TEST

Suite *agreement_rule_suite(void);
Suite *agreement_rule_suite(void) {
    Suite *suite = suite_create("agreement_rule");
    TCase *rule = tcase_create("agreement_rule");
    tcase_add_test(rule, covers_what_it_has_seen);
    tcase_add_test(rule, absent_is_dropped_and_removed);
    tcase_add_test(rule, confirms_when_ready);
    tcase_add_test(rule, a_step_wants_it_exactly);
    tcase_add_test(rule, a_step_wants_it_exactly);
    tcase_add_test(rule, all_are_required);
    tcase_add_test(rule, skipping_needs_a_majority);
    tcase_add_test(rule, patience_with_the_dead);
    suite_add_tcase(suite, rule);
    return suite;
}
