/* bench_check.c - what a host pays on its write path (catalog_check), and what a write to a large catalog costs to plan.
 *
 * The catalog has 5,000 entities with a schema of ten fields and 19 constraints and indexes each: 100,000 entries. A check
 * is of a valid record of ten fields. Beside the rate on the wall clock stands the processor time of one check: it grows
 * with the threads only as far as they get into each other's way, whatever else the machine is doing.
 */
#include "bin/bench/bench.h"
#include "catalog/catalog.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENTITIES = 5000,
    CONSTRAINTS = 19,
    CHECKS = 200000,
    PLANS = 2000,
    THREADS_MAX = 4,
    HOT = 100
};

static const struct catalog_writer writer = {.origin = {{1}}, .node = {"bench", 5}, .wall_ms = 1};

static const char record[] = "{\"f0\":1,\"f1\":\"a text of some "
                             "length\",\"f2\":2,\"f3\":\"x\",\"f4\":4,\"f5\":\"y\",\"f6\":6,"
                             "\"f7\":\"2024-05-01T00:00:00Z\",\"f8\":8,\"f9\":\"z\"}";

static struct catalog_text text_of(const char *text) {
    return (struct catalog_text){.data = text, .size_bytes = strlen(text)};
}

static size_t print_entity(char *text, size_t size, unsigned entity) {
    size_t used = (size_t)snprintf(text, size,
                                   "{\"kind\":\"schema\",\"entity\":\"e%u\",\"fields\":{", entity);
    for (unsigned field = 0; field < 10; ++field)
        used += (size_t)snprintf(text + used, size - used,
                                 "%s\"f%u\":{\"type\":\"%s\",\"required\":%s}",
                                 field > 0 ? "," : "", field, field % 2 == 0 ? "integer" : "string",
                                 field < 4 ? "true" : "false");
    used += (size_t)snprintf(text + used, size - used, "}}\n");
    for (unsigned i = 0; i < CONSTRAINTS; ++i) {
        const char *head = "\"entity\":\"e%u\",\"name\":\"c%u\",";
        used += (size_t)snprintf(text + used, size - used, "{\"kind\":\"%s\",",
                                 i < 13 ? "constraint" : "index");
        used += (size_t)snprintf(text + used, size - used, head, entity, i);
        if (i < 4)
            used += (size_t)snprintf(text + used, size - used,
                                     "\"type\":\"not_null\",\"fields\":[\"f%u\"]}\n", i + 4);
        else if (i < 8)
            used += (size_t)snprintf(text + used, size - used,
                                     "\"type\":\"unique\",\"fields\":[\"f%u\"]}\n", i);
        else if (i < 13)
            used += (size_t)snprintf(
                text + used, size - used,
                "\"type\":\"foreign_key\",\"fields\":[\"f0\"],\"references\":{\"entity\":\"e%u\","
                "\"fields\":[\"f0\"]},\"on_delete\":\"restrict\"}\n",
                (entity + i) % ENTITIES);
        else
            used += (size_t)snprintf(text + used, size - used, "\"fields\":[\"f%u\"]}\n", i - 10);
    }
    return used;
}

/* Imports everything as one batch, as an operator would. */
static struct catalog *make_catalog(void) {
    enum { ENTITY_SIZE = 4096 };
    char *text = bench_allocate(ENTITIES, ENTITY_SIZE);
    size_t size = 0;
    for (unsigned entity = 0; entity < ENTITIES; ++entity)
        size += print_entity(text + size, ENTITY_SIZE, entity);
    struct catalog *catalog = NULL;
    struct catalog_import *import = NULL;
    struct catalog_plan *plan = NULL;
    const double begin = bench_seconds();
    if (catalog_new(&merkle_allocator_libc, &catalog) != 0 ||
        catalog_import_parse(&merkle_allocator_libc, text, size, &import) != 0 ||
        import->problem_count > 0)
        return NULL;
    const double parsed = bench_seconds();
    if (catalog_plan_new(catalog, import->writes, import->write_count, &writer, &plan) != 0 ||
        plan->problem_count > 0)
        return NULL;
    const double planned = bench_seconds();
    for (size_t i = 0; i < plan->entry_count; ++i)
        if (catalog_load(catalog, plan->entries[i]) != 0)
            return NULL;
    const double loaded = bench_seconds();
    printf("  %zu entries: import read %.2f s, planned %.2f s, loaded %.2f s (%.1f us an entry)\n",
           plan->entry_count, parsed - begin, planned - parsed, loaded - planned,
           (loaded - planned) * 1e6 / (double)plan->entry_count);
    catalog_plan_free(plan);
    catalog_import_free(import);
    free(text);
    return catalog;
}

/* --- planning ------------------------------------------------------------------------------------------------------------- */

/* A schema gains a field, among all the constraints that use the others. */
static int run_plans(struct catalog *catalog) {
    struct merkle_buffer body;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    static const char json[] =
        "{\"fields\":{\"f0\":{\"type\":\"integer\"},\"f1\":{\"type\":\"string\"},\"f2\":{\"type\":"
        "\"integer\"},\"f3\":{\"type\":\"string\"},\"f4\":{\"type\":\"integer\"},\"f5\":{\"type\":"
        "\"string\"},\"f6\":{\"type\":\"integer\"},\"f7\":{\"type\":\"string\"},\"f8\":{\"type\":"
        "\"integer\"},\"f9\":{\"type\":\"any\"},\"new\":{\"type\":\"any\"}}}";
    int result = catalog_body_parse(CATALOG_SCHEMA, json, strlen(json), false, &body, NULL);
    const double begin = bench_seconds();
    for (unsigned i = 0; i < PLANS && result == 0; ++i) {
        char entity[16];
        snprintf(entity, sizeof entity, "e%u", i % ENTITIES);
        const struct catalog_write write = {
            .operation = CATALOG_SET,
            .key = {.kind = CATALOG_SCHEMA, .entity = text_of(entity)},
            .body = body.data,
            .body_size_bytes = body.size_bytes,
        };
        struct catalog_plan *plan = NULL;
        result = catalog_plan_new(catalog, &write, 1, &writer, &plan);
        if (result == 0 && plan->problem_count > 0)
            result = plan->problems[0].code;
        catalog_plan_free(plan);
    }
    const double us = (bench_seconds() - begin) * 1e6 / PLANS;
    printf("  a change of a schema, planned: %.1f us%s\n", us, bench_mark(us, 500));
    merkle_buffer_close(&body);
    return result;
}

/* --- checking ------------------------------------------------------------------------------------------------------------- */

struct checker {
    struct catalog *catalog;
    unsigned seed;
    int result;
};

static void *check_on(void *argument) {
    struct checker *checker = argument;
    for (unsigned i = 0; i < CHECKS; ++i) {
        char entity[16];
        struct catalog_check *check = NULL;
        snprintf(entity, sizeof entity, "e%u", (i * 7 + checker->seed) % HOT);
        if (catalog_check(checker->catalog, text_of(entity), record, sizeof record - 1, &check,
                          NULL) != 0 ||
            !check->valid)
            checker->result = 1;
        catalog_check_free(check);
    }
    return NULL;
}

static int run_checks(struct catalog *catalog, unsigned threads) {
    struct checker checkers[THREADS_MAX];
    pthread_t ids[THREADS_MAX];
    int result = 0;
    const double begin = bench_seconds();
    const double cpu_begin = bench_cpu_seconds();
    for (unsigned i = 0; i < threads; ++i) {
        checkers[i] = (struct checker){.catalog = catalog, .seed = i};
        if (pthread_create(&ids[i], NULL, check_on, &checkers[i]) != 0)
            exit(1);
    }
    for (unsigned i = 0; i < threads; ++i) {
        pthread_join(ids[i], NULL);
        result |= checkers[i].result;
    }
    const double count = (double)CHECKS * threads;
    const double rate = count / (bench_seconds() - begin);
    const double us = (bench_cpu_seconds() - cpu_begin) * 1e6 / count;
    printf("  check, %u threads: %.2f us of processor time, %.0f checks/s%s\n", threads, us, rate,
           bench_mark(us, 10));
    return result;
}

int bench_check(void) {
    struct catalog *catalog = make_catalog();
    if (catalog == NULL)
        return 1;
    int result = run_plans(catalog);
    for (unsigned threads = 1; threads <= THREADS_MAX && result == 0; threads *= 2)
        result = run_checks(catalog, threads);
    catalog_free(catalog);
    return result;
}
