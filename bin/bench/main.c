/* main.c - attune-bench: runs all benchmarks, or those that are named.
 *
 *      attune-bench                all
 *      attune-bench tree walk      these
 *      attune-bench --list         what there is
 *
 * Ends with 0, 1 if a benchmark could not be run, 2 if there is none of that name.
 */
#include "bin/bench/bench.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct bench benches[] = {
    {"service", "writes acknowledged by the whole service, and checks meanwhile", bench_service},
    {"http", "writes over HTTP to the daemon at ATTUNE_HTTP", bench_http},
    {"tree", "keeping the digest: insert, one change and the root, full build, memory", bench_tree},
    {"walk", "finding what differs: bytes, round trips and CPU of a walk", bench_walk},
    {"exchange", "the same in the frames of two engines", bench_exchange},
    {"agreement", "knowing that every member has a change, and changing in stages",
     bench_agreement},
    {"check", "checks of records on a host's write path, and planning within 100,000 entries",
     bench_check},
};
enum { BENCH_COUNT = sizeof(benches) / sizeof(benches[0]) };

static double clock_seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double bench_seconds(void) {
    return clock_seconds(CLOCK_MONOTONIC);
}

double bench_cpu_seconds(void) {
    return clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t bench_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void *bench_allocate(size_t count, size_t size_bytes) {
    void *memory = calloc(count > 0 ? count : 1, size_bytes);
    if (memory == NULL) {
        fprintf(stderr, "attune-bench: out of memory\n");
        exit(1);
    }
    return memory;
}

const char *bench_mark(double figure, double limit) {
    static char text[48];
    if (figure <= limit)
        return "";
    snprintf(text, sizeof(text), "  <- over %g", limit);
    return text;
}

static const struct bench *find(const char *name) {
    for (size_t i = 0; i < BENCH_COUNT; ++i)
        if (strcmp(benches[i].name, name) == 0)
            return &benches[i];
    return NULL;
}

static bool run(const struct bench *bench) {
    printf("== %s: %s\n", bench->name, bench->what);
    const int result = bench->run();
    printf("\n");
    fflush(stdout);
    if (result != 0)
        fprintf(stderr, "attune-bench: %s could not be run\n", bench->name);
    return result == 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < BENCH_COUNT; ++i)
            printf("%-12s %s\n", benches[i].name, benches[i].what);
        return 0;
    }
    for (int i = 1; i < argc; ++i) {
        if (find(argv[i]) == NULL) {
            fprintf(stderr, "attune-bench: there is no benchmark \"%s\"; see attune-bench --list\n",
                    argv[i]);
            return 2;
        }
    }
    bool fine = true;
    for (size_t i = 0; argc == 1 && i < BENCH_COUNT; ++i)
        fine = run(&benches[i]) && fine;
    for (int i = 1; i < argc; ++i)
        fine = run(find(argv[i])) && fine;
    return fine ? 0 : 1;
}
