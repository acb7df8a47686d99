/* test_scenario_files.c - the named scenarios: each reads, says what it stands for, and expects what its writes come to. */
#include "test/unit/support/catalog_kit.h"
#include "test/unit/support/scenario_kit.h"

#include <check.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MIN = 35 };

static void read_file(const char *path, struct scenario *scenario) {
    char message[SCENARIO_MESSAGE_SIZE_MAX] = "";
    ck_assert_msg(scenario_read(path, scenario, message), "%s", message);
}

/* Calls `visit` with every file; the tests run where the Makefile is. */
static void each_file(void (*visit)(const char *path, struct scenario *scenario)) {
    glob_t found;
    ck_assert_int_eq(glob("test/scenarios/*.yaml", 0, NULL, &found), 0);
    ck_assert_uint_ge(found.gl_pathc, FILES_MIN);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct scenario scenario;
        read_file(found.gl_pathv[i], &scenario);
        visit(found.gl_pathv[i], &scenario);
        scenario_close(&scenario);
    }
    globfree(&found);
}

static void check_head(const char *path, struct scenario *scenario) {
    char expected[SCENARIO_LINE_SIZE_MAX + 32];
    (void)snprintf(expected, sizeof expected, "test/scenarios/%s.yaml", scenario->name);
    ck_assert_str_eq(path, expected);
    ck_assert_msg(strlen(scenario->report) > 20, "%s says not what it stands for", path);
    ck_assert_msg(scenario->expect.entries >= 0 && scenario->expect.conflicts >= 0, "%s", path);
    bool fault = false;
    for (unsigned i = 0; i < SCENARIO_CLASS_COUNT; i++) {
        fault = fault || scenario->classes[i];
    }
    ck_assert_msg(fault, "%s has no fault", path);
}

/* A file is named after its scenario, and says which incident it stands for and what comes out. */
START_TEST(heads) {
    each_file(check_head);
}
END_TEST

/* Writes in conflict are told apart by time in every mode, so those to one key are a second apart. */
static void check_apart(const char *path, struct scenario *scenario) {
    for (size_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *a = &scenario->actions[i];
        for (size_t j = i + 1; a->entity != NULL && j < scenario->action_count; j++) {
            const struct scenario_action *b = &scenario->actions[j];
            bool same_key =
                b->entity != NULL && a->kind == b->kind && strcmp(a->entity, b->entity) == 0 &&
                strcmp(a->name == NULL ? "" : a->name, b->name == NULL ? "" : b->name) == 0;
            ck_assert_msg(!same_key || b->at_ms >= a->at_ms + 1000, "%s: lines %u and %u", path,
                          a->line, b->line);
        }
    }
}

START_TEST(apart) {
    each_file(check_apart);
}
END_TEST

/* All writes in order on one catalog, but for those that the story says are refused: as many entries as are expected. */
static void check_entries(const char *path, struct scenario *scenario) {
    struct catalog_kit kit;
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
    scenario_expand(scenario);
    for (size_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        const char *name = action->name == NULL ? "" : action->name;
        bool lost =
            action->type == SCENARIO_IMPORT; /* of a member that is removed: in no catalog */
        if (lost) {
            continue;
        }
        bool set = action->type == SCENARIO_SET || action->type == SCENARIO_STAGED_SET;
        if (set && strcmp(action->entity, "refused") != 0) {
            catalog_kit_apply_set(&kit, action->kind, action->entity, name, action->body);
        } else if (action->type == SCENARIO_STAGED_DROP) {
            (void)catalog_kit_apply_drop(&kit, action->kind, action->entity,
                                         name); /* asked twice */
        } else if (action->type == SCENARIO_DROP) {
            int result = catalog_kit_apply_drop(&kit, action->kind, action->entity, name);
            ck_assert_msg(result == 0, "%s: line %u drops nothing", path, action->line);
        }
    }
    uint64_t entries = catalog_count(kit.catalog).entries;
    ck_assert_msg(entries == (uint64_t)scenario->expect.entries, "%s: %llu", path,
                  (unsigned long long)entries);
    catalog_kit_close(&kit);
}

START_TEST(entries) {
    each_file(check_entries);
}
END_TEST

Suite *scenario_files_suite(void);
Suite *scenario_files_suite(void) {
    Suite *suite = suite_create("scenario_files");
    TCase *files = tcase_create("scenario_files");
    tcase_add_test(files, heads);
    tcase_add_test(files, apart);
    tcase_add_test(files, entries);
    suite_add_tcase(suite, files);
    return suite;
}
