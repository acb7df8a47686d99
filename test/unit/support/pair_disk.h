/* pair_disk.h - the disk of a node of pair.h (private to it). */
#ifndef TEST_UNIT_SUPPORT_PAIR_DISK_H
#define TEST_UNIT_SUPPORT_PAIR_DISK_H

#include "catalog/stored.h"

struct pair_disk {
    bool made;         /* something was stored */
    uint64_t store_ms; /* that it takes for a batch */
    bool rows_missing; /* the next opening finds that its rows are not those of its sum */
    struct catalog_node_state state;
    struct catalog_member_row *members;
    size_t member_count;
    struct catalog_entry **entries; /* held */
    size_t entry_count;
    struct catalog_entry **kept; /* held */
    size_t kept_count;
};

struct pair;
struct pair_disk *pair_disk_of(struct pair *pair, char letter); /* pair.c */

void pair_disk_store(struct pair_disk *disk, const struct catalog_batch *batch);
/* Makes `to` hold what `from` holds. */
void pair_disk_duplicate(const struct pair_disk *from, struct pair_disk *to);
void pair_disk_close(struct pair_disk *disk); /* empties it */

#endif
