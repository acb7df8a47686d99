/* test_staged_faults.c - staged changes and agreements while links break and processes die at random: many short lives.
 *
 * Four nodes, one entry, one change at a time, begun at one node and gone on with at whatever node. Every few milliseconds:
 *   all that stand on disks are at most one state apart (their numbers differ by one at most), those that are down included
 *   whoever was told that all agree was told the truth (G6)
 * At the end all faults end, and the change that was left is finished.
 */
#include "test/unit/support/cluster.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { NODES = 4, ACTIONS = 60, LIVES = 12, SHARES = 4, TOKEN_AGREE = 1000000 };

struct life {
    struct pair *pair;
    uint64_t state;          /* of the draws */
    uint64_t numbers[NODES]; /* on disk, when last seen */
    uint64_t token;
    char bodies[64];
    unsigned body;
    size_t replies_seen;
    unsigned agreed, not_agreed, kills;
};

static uint64_t draw(struct life *life, uint64_t below) {
    life->state = life->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (life->state >> 33) % below;
}

static struct catalog_entry *entry_at(struct life *life, size_t node) {
    struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = {"posts", 5}, .name = {"", 0}};
    struct gossip *engine = pair_engine(life->pair, (char)('a' + node));
    return engine == NULL ? NULL : catalog_find(engine->catalog, &key);
}

static void check_states(struct life *life) {
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    for (size_t i = 0; i < NODES; i++) {
        struct catalog_entry *entry = entry_at(life, i);
        if (entry != NULL) {
            ck_assert(!entry->conflict);
            ck_assert_uint_ge(entry->number, life->numbers[i]);
            life->numbers[i] = entry->number;
        }
        least = life->numbers[i] < least ? life->numbers[i] : least;
        most = life->numbers[i] > most ? life->numbers[i] : most;
    }
    ck_assert_msg(most - least <= 1, "numbers from %llu to %llu", (unsigned long long)least,
                  (unsigned long long)most);
}

/* Success of a change or an agreement: every disk has what the one that was asked has. */
static void check_replies(struct life *life) {
    const struct pair_replies *replies = pair_replies(life->pair);
    for (; life->replies_seen < replies->count; life->replies_seen++) {
        const struct pair_reply *reply = &replies->ring[life->replies_seen % 256];
        life->agreed += reply->code == 0;
        life->not_agreed += reply->code == GOSSIP_ENOTAGREED;
        ck_assert(reply->code == 0 || reply->code == GOSSIP_ENOTAGREED ||
                  reply->code == GOSSIP_EUNREACHABLE || reply->code == CATALOG_ESTATE ||
                  reply->code == CATALOG_ENOTFOUND || reply->code == GOSSIP_EBUSY);
        for (size_t i = 0; i < NODES && reply->code == 0 && reply->token < TOKEN_AGREE; i++) {
            ck_assert_uint_ge(life->numbers[i], reply->number);
        }
        ck_assert(reply->code != 0 || reply->line_count == NODES);
    }
}

static void run(struct life *life, gossip_duration_ms span_ms) {
    for (gossip_duration_ms gone_ms = 0; gone_ms < span_ms; gone_ms += 3) {
        pair_run(life->pair, 3);
        check_states(life);
        check_replies(life);
    }
}

/* Asks for the change that is under way; for another one if the last is done everywhere. */
static void change(struct life *life, char letter, gossip_duration_ms timeout_ms) {
    bool done = true;
    for (size_t i = 0; i < NODES; i++) {
        struct catalog_entry *entry = entry_at(life, i);
        done = done && entry != NULL && entry->state == CATALOG_ACTIVE &&
               entry->number == life->numbers[0] &&
               pair_engine(life->pair, (char)('a' + i))->staged == NULL;
    }
    if (done) {
        life->body++;
    }
    (void)snprintf(life->bodies, sizeof life->bodies,
                   "{\"fields\":{\"f%u\":{\"type\":\"string\"}}}", life->body);
    pair_stage(life->pair, letter, ++life->token, GOSSIP_STAGED_SET, "posts", life->bodies,
               timeout_ms);
}

static bool is_pending(struct life *life, char letter) {
    struct catalog_entry *entry = entry_at(life, (size_t)(letter - 'a'));
    return entry != NULL && entry->state == CATALOG_PENDING_ADD;
}

static void act(struct life *life) {
    static const gossip_duration_ms timeouts[] = {0, 50, 500, 4000};
    char letter = (char)('a' + draw(life, NODES));
    char other = (char)('a' + draw(life, NODES));
    struct gossip *engine = pair_engine(life->pair, letter);
    switch (draw(life, 6)) {
    case 0:
        pair_cut(life->pair, letter, other, letter != other && draw(life, 2) == 0);
        break;
    case 1:
        if (engine == NULL) {
            pair_start(life->pair, letter, (struct pair_start){0});
        } else {
            life->kills++;
            pair_kill(life->pair, letter, draw(life, 2) == 0);
        }
        break;
    case 2:
        if (engine != NULL) {
            pair_agree(life->pair, letter, TOKEN_AGREE + life->token, "posts",
                       timeouts[draw(life, 4)], false);
        }
        break;
    default:
        /* It is begun at one place only: two that begin at once, without knowledge of each other, may be a conflict. */
        if (engine != NULL && (is_pending(life, letter) || letter == 'a')) {
            change(life, letter, timeouts[draw(life, 4)]);
        }
    }
}

static void heal(struct life *life) {
    for (size_t i = 0; i < NODES; i++) {
        for (size_t j = 0; j < NODES; j++) {
            pair_cut(life->pair, (char)('a' + i), (char)('a' + j), false);
        }
        if (pair_engine(life->pair, (char)('a' + i)) == NULL) {
            pair_start(life->pair, (char)('a' + i), (struct pair_start){0});
        }
    }
    run(life, 20000);
}

START_TEST(never_two_states_apart) {
    /* G6, DESIGN 7.6: whatever fails, states are one apart at most, and success is the truth; afterwards all goes on. */
    unsigned agreed = 0;
    unsigned not_agreed = 0;
    unsigned kills = 0;
    for (uint64_t seed = (uint64_t)_i; seed < LIVES * SHARES; seed += SHARES) {
        struct life life = {.pair = cluster(NODES), .state = seed};
        for (unsigned i = 0; i < ACTIONS; i++) {
            act(&life);
            run(&life, draw(&life, 4) == 0 ? draw(&life, 3000) : draw(&life, 30));
        }
        heal(&life);
        change(&life, 'a', 20000);
        run(&life, 3000);
        ck_assert_int_eq(pair_reply(life.pair, 'a', life.token)->code, 0);
        agreed += life.agreed;
        not_agreed += life.not_agreed;
        kills += life.kills;
        pair_free(life.pair);
    }
    ck_assert_uint_gt(agreed, 2 * LIVES);
    ck_assert_uint_gt(not_agreed, LIVES);
    ck_assert_uint_gt(kills, LIVES);
}
END_TEST

Suite *staged_faults_suite(void);
Suite *staged_faults_suite(void) {
    Suite *suite = suite_create("staged_faults");
    TCase *faults = tcase_create("staged_faults");
    tcase_set_timeout(faults, 120);
    tcase_add_loop_test(faults, never_two_states_apart, 0, SHARES);
    suite_add_tcase(suite, faults);
    return suite;
}
