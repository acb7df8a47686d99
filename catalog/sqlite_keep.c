/* sqlite_keep.c - a file beside the store of what a node alone had when it took a new id (DESIGN 4.7): JSON Lines for import.
 *
 * It is whole and durable before its name is there: written under another name, synced, renamed, the directory synced. So
 * whoever finds it may take it as it is, and who calls again after a crash leaves no half of one behind.
 */
#include "catalog/sqlite_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NUMBERS_MAX = 1000 };

static int refuse(struct catalog_problem *problem, const char *what, const char *path) {
    int error = errno;
    int code = error == ENOSPC || error == EDQUOT                    ? CATALOG_EFULL
               : error == EACCES || error == EPERM || error == EROFS ? CATALOG_EPERMISSION
                                                                     : CATALOG_EIO;
    return catalog__store_problem(problem, code, "cannot %s %.300s: %s", what, path,
                                  strerror(error));
}

static int by_key(const void *a, const void *b) {
    struct catalog_key left = catalog_entry_key(*(struct catalog_entry *const *)a);
    struct catalog_key right = catalog_entry_key(*(struct catalog_entry *const *)b);
    return catalog_key_compare(&left, &right);
}

static int lines_print(const struct merkle_allocator *allocator,
                       struct catalog_entry *const *entries, size_t entry_count,
                       struct merkle_buffer *lines) {
    struct catalog_entry **sorted = merkle_allocate(allocator, entry_count + 1, sizeof *sorted);
    if (sorted == NULL) {
        return CATALOG_ENOMEM;
    }
    if (entry_count > 0) {
        memcpy(sorted, entries, entry_count * sizeof *sorted);
        qsort(sorted, entry_count, sizeof *sorted, by_key);
    }
    for (size_t i = 0; i < entry_count; i++) {
        (void)catalog_entry_print(sorted[i], CATALOG_FORM_EXPORT, lines);
        (void)merkle_buffer_append(lines, "\n", 1);
    }
    merkle_release(allocator, sorted);
    return lines->failed ? CATALOG_ENOMEM : 0;
}

/* A name that is not there yet: two calls within one second are two files. */
static bool name_find(const char *directory, uint64_t wall_ms, char path[CATALOG_KEPT_PATH_SIZE]) {
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    char stamp[40];
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &parts) == 0) {
        return false;
    }
    for (unsigned number = 0; number < NUMBERS_MAX; number++) {
        char suffix[16] = "";
        if (number > 0) {
            (void)snprintf(suffix, sizeof suffix, "-%u", number);
        }
        int size =
            snprintf(path, CATALOG_KEPT_PATH_SIZE, "%s/kept-%s%s.jsonl", directory, stamp, suffix);
        if (size <= 0 || size >= CATALOG_KEPT_PATH_SIZE) {
            return false;
        }
        if (access(path, F_OK) != 0) {
            return true;
        }
    }
    return false;
}

static bool write_whole(int descriptor, const uint8_t *bytes, size_t size_bytes) {
    while (size_bytes > 0) {
        ssize_t written = write(descriptor, bytes, size_bytes);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        bytes += written;
        size_bytes -= (size_t)written;
    }
    return fsync(descriptor) == 0;
}

static bool directory_sync(const char *directory) {
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = descriptor >= 0 && catalog__directory_calls.sync(descriptor) == 0;
    if (descriptor >= 0) {
        (void)close(descriptor);
    }
    return synced;
}

static int file_make(const char *directory, const char *path, const struct merkle_buffer *lines,
                     struct catalog_problem *problem) {
    char unfinished[CATALOG_KEPT_PATH_SIZE];
    int size = snprintf(unfinished, sizeof unfinished, "%s/kept.unfinished", directory);
    if (size <= 0 || (size_t)size >= sizeof unfinished) {
        return catalog__store_problem(problem, CATALOG_EIO, "%.300s: the path is too long",
                                      directory);
    }
    int descriptor = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return refuse(problem, "make", unfinished);
    }
    int result = 0;
    if (!write_whole(descriptor, lines->data, lines->size_bytes)) {
        result = refuse(problem, "write", unfinished);
    }
    (void)close(descriptor);
    if (result == 0 && catalog__directory_calls.rename(unfinished, path) != 0) {
        result = refuse(problem, "rename", unfinished);
    }
    if (result != 0) {
        (void)unlink(unfinished);
    } else if (!directory_sync(directory)) {
        result = refuse(problem, "sync the name of", path);
        (void)unlink(path);
    }
    return result;
}

int catalog_store_keep(const struct catalog_store *store, struct catalog_entry *const *entries,
                       size_t entry_count, uint64_t wall_ms, char path[CATALOG_KEPT_PATH_SIZE],
                       struct catalog_problem *problem) {
    const char *directory = store->directory.path;
    struct merkle_buffer lines;
    merkle_buffer_init(&lines, store->allocator);
    int result = lines_print(store->allocator, entries, entry_count, &lines);
    if (result != 0) {
        (void)catalog__store_problem(problem, result, "out of memory");
    } else if (!name_find(directory, wall_ms, path)) {
        result =
            catalog__store_problem(problem, CATALOG_EIO, "no name for a file in %.300s", directory);
    } else {
        result = file_make(directory, path, &lines, problem);
    }
    merkle_buffer_close(&lines);
    return result;
}
