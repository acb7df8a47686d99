/* cluster.h - a settled cluster of engines of pair.h. */
#ifndef TEST_UNIT_SUPPORT_CLUSTER_H
#define TEST_UNIT_SUPPORT_CLUSTER_H

#include "test/unit/support/pair.h"

/* The first `count` letters; a founded, all are ready and know each other. The transcript is empty. */
struct pair *cluster(size_t count);

#endif
