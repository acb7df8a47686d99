/* explore_kit.c - see explore_kit.h. */
#include "test/unit/support/explore_kit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void limit(struct explore_world *world) {
    world->limits.states = 5000000;
    world->limits.bytes = UINT64_C(1) << 30;
}

void explore_kit_holds(const struct explore_model *model, struct explore_world *world) {
    limit(world);
    struct explore_result result = explore_run(model, world, NULL);
    ck_assert_msg(!result.broken, "%s: %s", model->name, result.why);
    ck_assert(result.complete);
    ck_assert_uint_gt(result.states, 50);
    ck_assert_uint_gt(result.transitions, result.states);
}

static void assert_told(const struct explore_model *model, const struct explore_case *one,
                        const char *text, unsigned steps) {
    char last[16];
    char none[16];
    (void)snprintf(last, sizeof last, "\n%3u. ", steps);
    (void)snprintf(none, sizeof none, "\n%3u. ", steps + 1);
    ck_assert_msg(strstr(text, steps > 1 ? last : "  1. ") != NULL, "%s %s: %s", model->name,
                  one->plant, text);
    ck_assert_ptr_null(strstr(text, none));
    ck_assert_ptr_nonnull(strstr(text, "what stands then"));
}

size_t explore_kit_plants(const struct explore_model *model) {
    size_t count;
    size_t plants = 0;
    const struct explore_case *cases = explore_cases(&count);
    for (size_t i = 0; i < count; i++) {
        const struct explore_case *one = &cases[i];
        if (one->model != model || one->outcome != EXPLORE_BREAKS || one->large) {
            continue;
        }
        struct explore_world world = {.limits = one->limits, .settle = one->settle};
        char *text = NULL;
        size_t size_bytes = 0;
        FILE *memory = open_memstream(&text, &size_bytes);
        ck_assert_ptr_nonnull(memory);
        limit(&world);
        world.plant = explore_plant_find(model, one->plant);
        struct explore_result result = explore_run(model, &world, memory);
        ck_assert_int_eq(fclose(memory), 0);
        ck_assert_msg(result.broken, "%s: %s is not missed", model->name, one->plant);
        assert_told(model, one, text, result.steps);
        free(text);
        plants++;
    }
    return plants;
}
