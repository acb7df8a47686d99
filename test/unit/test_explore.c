/* test_explore.c - the explorer: it finds every state once, the shortest way to a broken one, and says when it was stopped. */
#include "test/sim/explore.h"
#include "test/unit/support/capture.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

/* Two counters that each go up to `nodes`, and may be called by either name. Broken where their sum is `writes`. */
struct counters {
    uint8_t value[2];
};

static void begin(const struct explore_world *world, void *memory) {
    (void)world;
    memset(memory, 0, sizeof(struct counters));
}

static void expand(const struct explore_world *world, const void *memory,
                   struct explore_sink *sink) {
    const struct counters *counters = memory;
    for (unsigned i = 2; i-- > 0;) { /* the smaller one first, so that names change on the way */
        struct counters next = *counters;
        if (next.value[i] < world->limits.nodes) {
            next.value[i]++;
            explore_emit(sink, (struct explore_step){1, (uint8_t)i, 0, 0}, &next);
        }
    }
}

/* The larger one first. */
static void canonical(const struct explore_world *world, void *memory, uint8_t *names) {
    struct counters *counters = memory;
    if (world->plant == EXPLORE_PLANT_NONE && counters->value[0] < counters->value[1]) {
        *counters = (struct counters){{counters->value[1], counters->value[0]}};
        names[0] = 1;
        names[1] = 0;
    }
}

static const char *broken(const struct explore_world *world, const void *memory) {
    const struct counters *counters = memory;
    bool met = (unsigned)counters->value[0] + counters->value[1] == world->limits.writes;
    return world->limits.writes > 0 && met ? "the sum is met" : NULL;
}

static const char *always_broken(const struct explore_world *world, const void *memory) {
    (void)world;
    (void)memory;
    return "always";
}

static void print_step(const void *before, struct explore_step step, const void *after,
                       const uint8_t *labels, FILE *file) {
    (void)before;
    (void)after;
    fprintf(file, "%c rises", 'A' + labels[step.a]);
}

static void print_state(const void *memory, const uint8_t *labels, FILE *file) {
    const struct counters *counters = memory;
    unsigned first = labels[0] == 0 ? 0 : 1;
    fprintf(file, "A %u B %u\n", counters->value[first], counters->value[1 - first]);
}

static const struct explore_plant plants[] = {{"by-name", "A and B are told apart"}};

static const struct explore_model model = {
    .name = "counters",
    .what = "the sum is never met",
    .state_size_bytes = sizeof(struct counters),
    .plants = plants,
    .plant_count = 1,
    .begin = begin,
    .expand = expand,
    .canonical = canonical,
    .broken = broken,
    .print_step = print_step,
    .print_state = print_state,
};

static struct explore_world world_of(unsigned nodes, unsigned writes) {
    return (struct explore_world){
        .limits = {
            .nodes = nodes, .writes = writes, .states = 1000000, .bytes = UINT64_C(1) << 30}};
}

/* Every state that can be reached is found once: of two counters up to 20 those with the larger one first, or, told apart,
 * all. The depth is that of the farthest. */
START_TEST(every_state_once) {
    struct explore_world world = world_of(20, 0);
    struct explore_result result = explore_run(&model, &world, NULL);
    ck_assert(result.complete && !result.broken && !result.out_of_memory);
    ck_assert_uint_eq(result.states, 21 * 22 / 2);
    ck_assert_uint_eq(result.depth, 40);
    ck_assert_uint_gt(result.bytes, 0);
    world.plant = explore_plant_find(&model, "by-name");
    result = explore_run(&model, &world, NULL);
    ck_assert(result.complete);
    ck_assert_uint_eq(result.states, 21 * 21);
    ck_assert_uint_eq(result.transitions, 2 * 20 * 21);
}
END_TEST

/* More states than fit a block, and a table that has to grow, are still each found once. */
START_TEST(many_states) {
    struct explore_world world = world_of(250, 0);
    world.plant = 1;
    struct explore_result result = explore_run(&model, &world, NULL);
    ck_assert(result.complete);
    ck_assert_uint_eq(result.states, 251 * 251);
    ck_assert_uint_eq(result.depth, 500);
}
END_TEST

/* The way to a broken state is one of the shortest, and is told step by step in the names of the start. */
START_TEST(shortest_way) {
    struct explore_world world = world_of(9, 5);
    struct capture capture;
    capture_begin(&capture, STDOUT_FILENO);
    struct explore_result result = explore_run(&model, &world, stdout);
    (void)fflush(stdout);
    const char *text = capture_end(&capture);
    ck_assert(result.broken && !result.complete);
    ck_assert_uint_eq(result.steps, 5);
    ck_assert_str_eq(result.why, "the sum is met");
    unsigned steps = 0;
    unsigned rises[2] = {0};
    for (const char *line = text; (line = strstr(line, " rises\n")) != NULL; line++) {
        rises[line[-1] - 'A']++;
        steps++;
    }
    ck_assert_uint_eq(steps, 5);
    char end[32];
    (void)snprintf(end, sizeof end, "A %u B %u\n", rises[0], rises[1]);
    ck_assert_msg(strstr(text, end) != NULL, "%s", text);
}
END_TEST

/* A world in which nothing can happen has one state; if that is broken, no step leads to it. */
START_TEST(first_state) {
    struct explore_world world = world_of(0, 0);
    struct explore_result result = explore_run(&model, &world, NULL);
    ck_assert(result.complete);
    ck_assert_uint_eq(result.states, 1);
    ck_assert_uint_eq(result.depth, 0);
    struct explore_model lost = model;
    lost.broken = always_broken;
    struct capture capture;
    capture_begin(&capture, STDOUT_FILENO);
    result = explore_run(&lost, &world, stdout);
    (void)fflush(stdout);
    const char *text = capture_end(&capture);
    ck_assert(result.broken);
    ck_assert_uint_eq(result.steps, 0);
    ck_assert_ptr_nonnull(strstr(text, "A 0 B 0\n"));
}
END_TEST

/* Whoever is stopped by a limit has not seen all, and says so. */
START_TEST(limits) {
    struct explore_world world = world_of(20, 0);
    world.limits.states = 100;
    struct explore_result result = explore_run(&model, &world, NULL);
    ck_assert(!result.complete && !result.broken);
    ck_assert_uint_eq(result.states, 100);
    world = world_of(250, 0);
    world.plant = 1;
    world.limits.bytes = 1 << 20;
    result = explore_run(&model, &world, NULL);
    ck_assert(!result.complete && !result.out_of_memory);
    ck_assert_uint_lt(result.states, 251 * 251);
}
END_TEST

/* Models and plants are found by their names, and by nothing else. */
START_TEST(names) {
    size_t count;
    const struct explore_model *const *models = explore_models(&count);
    ck_assert_uint_eq(count, 4);
    for (size_t i = 0; i < count; i++) {
        ck_assert_ptr_eq(explore_model_find(models[i]->name), models[i]);
        for (size_t j = 0; j < models[i]->plant_count; j++) {
            const char *name = models[i]->plants[j].name;
            ck_assert_uint_eq(explore_plant_find(models[i], name), j + 1);
        }
    }
    ck_assert_ptr_null(explore_model_find("counters"));
    ck_assert_uint_eq(explore_plant_find(&model, "by-nam"), EXPLORE_PLANT_NONE);
}
END_TEST

/* Each clause that a model can leave out stands in the suite, and each world of it fits its model. */
START_TEST(suite_is_whole) {
    size_t model_count;
    size_t case_count;
    const struct explore_model *const *models = explore_models(&model_count);
    const struct explore_case *cases = explore_cases(&case_count);
    for (size_t i = 0; i < case_count; i++) {
        struct explore_world world = {.limits = cases[i].limits};
        ck_assert_ptr_null(cases[i].model->unfit(&world));
        ck_assert(cases[i].plant == NULL ||
                  explore_plant_find(cases[i].model, cases[i].plant) != EXPLORE_PLANT_NONE);
    }
    for (size_t i = 0; i < model_count; i++) {
        for (size_t j = 0; j < models[i]->plant_count; j++) {
            const char *name = models[i]->plants[j].name;
            bool found = false;
            for (size_t k = 0; k < case_count; k++) {
                found = found || (cases[k].model == models[i] && cases[k].plant != NULL &&
                                  strcmp(cases[k].plant, name) == 0);
            }
            ck_assert_msg(found, "%s %s", models[i]->name, name);
        }
    }
}
END_TEST

Suite *explore_suite(void);
Suite *explore_suite(void) {
    Suite *suite = suite_create("explore");
    TCase *run = tcase_create("explore_run");
    tcase_add_test(run, every_state_once);
    tcase_add_test(run, many_states);
    tcase_add_test(run, shortest_way);
    tcase_add_test(run, first_state);
    tcase_add_test(run, limits);
    suite_add_tcase(suite, run);
    TCase *find = tcase_create("explore_find");
    tcase_add_test(find, names);
    tcase_add_test(find, suite_is_whole);
    suite_add_tcase(suite, find);
    return suite;
}
