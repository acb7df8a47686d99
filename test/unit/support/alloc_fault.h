/* alloc_fault.h - an allocator that counts, and that fails when it is told to.
 *
 * An out-of-memory test runs its operation again and again, failing at the first allocation, the second, the third ...,
 * until it succeeds:
 *
 *      for (size_t allowed = 0;; ++allowed) {
 *          struct alloc_fault fault = {.allowed = allowed};
 *          const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
 *          int result = operation(&allocator);
 *          ...                                         // free what was made
 *          ck_assert_uint_eq(fault.live_blocks, 0);
 *          if (result == 0) {
 *              ck_assert_uint_gt(allowed, 0);          // else no fault was injected, and nothing was tested
 *              break;
 *          }
 *          ck_assert_uint_eq(fault.fired, 1);
 *      }
 *
 * With `allowed` at SIZE_MAX it only counts. It may be used from several threads at once; its numbers are read when they
 * are at rest.
 *
 * It is harsher than the C library: fresh memory is not zero, every resize moves the block, also one that shrinks it, and
 * a block that it did not give out, or took back already, aborts the test.
 */
#ifndef TEST_UNIT_SUPPORT_ALLOC_FAULT_H
#define TEST_UNIT_SUPPORT_ALLOC_FAULT_H

#include "merkle/merkle.h"

struct alloc_fault {
    size_t
        allowed; /* allocations (and resizes) that succeed before one fails; counts down; SIZE_MAX: all */
    bool repeat;  /* all after the failed one fail too; else only the one */
    bool paused;  /* neither counts down nor fails: for what a test sets up */
    size_t fired; /* how many failed */
    size_t live_blocks;
    size_t live_bytes; /* as asked for */
    size_t calls; /* allocations and resizes, failed ones and those made while paused included */
};

/* `fault` must outlive all that is allocated. */
struct merkle_allocator alloc_fault_allocator(struct alloc_fault *fault);

#endif
