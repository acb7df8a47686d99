/* store_directory.h - the data directory as files: made, locked, set aside (private to catalog/).
 *
 *      DIR/                        0700
 *        lock                      held with flock while a store is open; names the process
 *        catalog.db                0600; -wal and -shm beside it are SQLite's and get its mode
 *        catalog.db.damaged-N      what could not be used, N = 1, 2, ...; its -wal and -shm beside it. After a power cut
 *                                  amidst, those may have the next number; without catalog.db they are nobody's.
 */
#ifndef CATALOG_STORE_DIRECTORY_H
#define CATALOG_STORE_DIRECTORY_H

#include "catalog/catalog.h"

enum { CATALOG__PATH_SIZE_MAX = 4096 };

struct catalog__directory {
    char path[CATALOG__PATH_SIZE_MAX];     /* absolute */
    char database[CATALOG__PATH_SIZE_MAX]; /* DIR/catalog.db */
    int lock_fd;                           /* -1: not locked */
};

/* Makes the directory if it is missing (its parent must be there) and takes its lock. CATALOG_EPERMISSION,
 * CATALOG_EINUSE, CATALOG_EFULL, CATALOG_EIO; nothing is held then. */
int catalog__directory_open(const char *path, struct catalog__directory *directory,
                            struct catalog_problem *problem);
void catalog__directory_close(struct catalog__directory *directory);

/* Makes an empty, durable catalog.db of mode 0600 if there is none. Errors as above; CATALOG_EDAMAGED: it is empty, and has
 * a WAL that is not. */
int catalog__directory_make_database(const struct catalog__directory *directory,
                                     struct catalog_problem *problem);

/* Renames catalog.db and what belongs to it to catalog.db.damaged-N, N being above all that are there; writes that name to
 * `name`. A power cut within leaves all as it was, or no catalog.db. */
int catalog__directory_set_aside(const struct catalog__directory *directory,
                                 char name[CATALOG__PATH_SIZE_MAX],
                                 struct catalog_problem *problem);
/* The name of what was set aside last; empty: nothing was. */
int catalog__directory_newest_aside(const struct catalog__directory *directory,
                                    char name[CATALOG__PATH_SIZE_MAX],
                                    struct catalog_problem *problem);

/* On what names depend across a power cut. For tests; set it while no store is open. */
struct catalog__directory_calls {
    int (*rename)(const char *from, const char *to);
    int (*sync)(int fd); /* of a directory */
};
extern struct catalog__directory_calls catalog__directory_calls;

/* Fills a problem (may be NULL) and returns its code. */
int catalog__store_problem(struct catalog_problem *problem, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
