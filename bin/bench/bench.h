/* bench.h - what attune-bench measures: a table of benchmarks, one file each.
 *
 * A benchmark prints its own table, beside the figures of comparable systems that were measured on a machine of the size
 * that attune is built on, and returns 0 if it could be run. A figure that misses what attune wants to reach is marked,
 * and is no failure: machines differ.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

struct bench {
    const char *name;
    const char *what;
    int (*run)(void);
};

int bench_http(void);
int bench_service(void);
int bench_tree(void);
int bench_walk(void);
int bench_exchange(void);
int bench_agreement(void);
int bench_check(void);

/* Seconds of a clock that only goes forward. */
double bench_seconds(void);
/* Seconds of processor time of this program: what other programs do does not count. */
double bench_cpu_seconds(void);
/* splitmix64: the same numbers in every run. */
uint64_t bench_random(uint64_t *state);
/* malloc that ends the program if memory is short. */
void *bench_allocate(size_t count, size_t size_bytes);
/* " <- over LIMIT" if a figure is over its limit, else "". Valid until the next call. */
const char *bench_mark(double figure, double limit);

#endif
