/* store_directory.c - the data directory as files: made, locked, set aside.
 *
 * The lock is flock on a file of its own, because SQLite's locks are let go between transactions, and because a second
 * attuned must be refused before it touches anything. The kernel gives it back when the process dies, however it dies.
 *
 * Setting a damaged database aside must not leave its WAL where a new database would be made: SQLite would replay the
 * old frames into the new file. Nor may the WAL go first: a database without its WAL is an older state of itself, and looks
 * sound. A power cut keeps any of the renames that were not synced, hence:
 *
 *      rename catalog.db    sync    rename -wal, -shm, -journal    sync    make catalog.db    sync
 *      |<-- as it was, -->|         |<-- no catalog.db: making one --------->|
 *           or no catalog.db              moves what is left first
 *
 * What stands in a directory without catalog.db gets a number of its own: whose it was cannot be known, and SQLite would
 * play a WAL into whichever file it is beside.
 */
#include "catalog/store_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const companions[] = {"-wal", "-shm", "-journal"};
enum { COMPANION_COUNT = sizeof companions / sizeof companions[0], NUMBER_MAX = 1000000000 };

struct catalog__directory_calls catalog__directory_calls = {.rename = rename, .sync = fsync};

int catalog__store_problem(struct catalog_problem *problem, int code, const char *format, ...) {
    if (problem != NULL) {
        problem->code = code;
        problem->line = 0;
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(problem->message, sizeof problem->message, format, arguments);
        va_end(arguments);
    }
    return code;
}

static int code_of_errno(int number) {
    switch (number) {
    case ENOSPC:
    case EDQUOT:
        return CATALOG_EFULL;
    case EIO:
    case ENFILE:
    case EMFILE:
    case ENOMEM:
        return CATALOG_EIO;
    default:
        return CATALOG_EPERMISSION;
    }
}

/* The code of errno, and a sentence that says what could not be done. */
static int refuse(struct catalog_problem *problem, const char *what, const char *path) {
    int number = errno;
    return catalog__store_problem(problem, code_of_errno(number), "cannot %s %.300s: %s", what,
                                  path, strerror(number));
}

static bool join(char out[CATALOG__PATH_SIZE_MAX], const char *path, const char *suffix) {
    int size = snprintf(out, CATALOG__PATH_SIZE_MAX, "%s%s", path, suffix);
    return size > 0 && size < CATALOG__PATH_SIZE_MAX;
}

/* Names in a directory are durable only once the directory itself has been synced. */
static int sync_directory(const char *path, struct catalog_problem *problem) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return refuse(problem, "open the directory", path);
    }
    int result =
        catalog__directory_calls.sync(fd) != 0 ? refuse(problem, "sync the directory", path) : 0;
    (void)close(fd);
    return result;
}

static int sync_parent(const char *path, struct catalog_problem *problem) {
    char parent[CATALOG__PATH_SIZE_MAX];
    return join(parent, path, "/..") ? sync_directory(parent, problem) : 0;
}

static int make_directory(const char *path, struct catalog_problem *problem) {
    if (mkdir(path, 0700) == 0) {
        return sync_parent(path, problem);
    }
    if (errno == EEXIST) {
        return 0; /* whether it is a directory is seen by who opens it */
    }
    if (errno == ENOENT) {
        return catalog__store_problem(problem, CATALOG_EPERMISSION,
                                      "the directory above %.300s does not exist: make it first",
                                      path);
    }
    return refuse(problem, "make the directory", path);
}

static int in_use(int fd, const char *path, struct catalog_problem *problem) {
    char text[32] = "";
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    char *end = text;
    long pid = size > 0 ? strtol(text, &end, 10) : 0;
    if (pid > 0 && end != text) {
        return catalog__store_problem(
            problem, CATALOG_EINUSE,
            "%.300s is in use by process %ld: stop it, or take another directory", path, pid);
    }
    return catalog__store_problem(
        problem, CATALOG_EINUSE,
        "%.300s is in use by another process: stop it, or take another directory", path);
}

static int take_lock(struct catalog__directory *directory, struct catalog_problem *problem) {
    char path[CATALOG__PATH_SIZE_MAX];
    if (!join(path, directory->path, "/lock")) {
        return catalog__store_problem(problem, CATALOG_EPERMISSION,
                                      "the data directory's path is too long");
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return refuse(problem, "open the lock file", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int result = errno == EWOULDBLOCK ? in_use(fd, directory->path, problem)
                                          : refuse(problem, "lock", path);
        (void)close(fd);
        return result;
    }
    /* The number only helps whoever is refused; a full disk must not keep a store from being opened. */
    char text[32];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    bool written = ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)size, 0) == size;
    if (!written && ftruncate(fd, 0) != 0) {
        errno = 0; /* then an old number stands there */
    }
    directory->lock_fd = fd;
    return 0;
}

int catalog__directory_open(const char *path, struct catalog__directory *directory,
                            struct catalog_problem *problem) {
    directory->lock_fd = -1;
    int result = make_directory(path, problem);
    if (result != 0) {
        return result;
    }
    char *absolute = realpath(path, NULL);
    if (absolute == NULL) {
        return refuse(problem, "open the data directory", path);
    }
    bool fits =
        join(directory->path, absolute, "") && join(directory->database, absolute, "/catalog.db");
    free(absolute);
    /* Room for "-journal", ".damaged-N-journal". */
    if (!fits || strlen(directory->database) + 64 > CATALOG__PATH_SIZE_MAX) {
        return catalog__store_problem(problem, CATALOG_EPERMISSION,
                                      "the data directory's path is too long");
    }
    return take_lock(directory, problem);
}

void catalog__directory_close(struct catalog__directory *directory) {
    if (directory->lock_fd >= 0) {
        (void)close(directory->lock_fd); /* lets go of the lock */
        directory->lock_fd = -1;
    }
}

/* The N of catalog.db.damaged-N, or of a companion of it; 0 of any other name. */
static unsigned number_of(const char *name) {
    static const char prefix[] = "catalog.db.damaged-";
    const char *digits = name + sizeof prefix - 1;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || digits[0] < '0' || digits[0] > '9') {
        return 0;
    }
    unsigned long number = strtoul(digits, NULL, 10);
    return number < NUMBER_MAX ? (unsigned)number : 0;
}

/* The highest N for which anything was set aside; 0: nothing was. */
static int newest_number(const struct catalog__directory *directory, unsigned *newest,
                         struct catalog_problem *problem) {
    *newest = 0;
    DIR *listing = opendir(directory->path);
    if (listing == NULL) {
        return refuse(problem, "list the directory", directory->path);
    }
    for (;;) {
        errno = 0;
        struct dirent *item = readdir(listing);
        if (item == NULL) {
            break;
        }
        unsigned number = number_of(item->d_name);
        *newest = number > *newest ? number : *newest;
    }
    int result = errno != 0 ? refuse(problem, "list the directory", directory->path) : 0;
    (void)closedir(listing);
    return result;
}

/* DIR/catalog.db.damaged-N */
static void name_aside(const struct catalog__directory *directory, unsigned number,
                       char name[CATALOG__PATH_SIZE_MAX]) {
    (void)snprintf(name, CATALOG__PATH_SIZE_MAX, "%.*s.damaged-%u", CATALOG__PATH_SIZE_MAX - 64,
                   directory->database, number);
}

/* Moves -wal, -shm and -journal to damaged-N, those that are there. */
static int move_companions(const struct catalog__directory *directory, unsigned number,
                           struct catalog_problem *problem) {
    char aside[CATALOG__PATH_SIZE_MAX], from[CATALOG__PATH_SIZE_MAX], to[CATALOG__PATH_SIZE_MAX];
    name_aside(directory, number, aside);
    for (size_t i = 0; i < COMPANION_COUNT; i++) {
        (void)join(from, directory->database, companions[i]);
        (void)join(to, aside, companions[i]);
        if (catalog__directory_calls.rename(from, to) != 0 && errno != ENOENT) {
            return refuse(problem, "rename", from);
        }
    }
    return sync_directory(directory->path, problem);
}

int catalog__directory_set_aside(const struct catalog__directory *directory,
                                 char name[CATALOG__PATH_SIZE_MAX],
                                 struct catalog_problem *problem) {
    unsigned newest;
    int result = newest_number(directory, &newest, problem);
    if (result != 0) {
        return result;
    }
    name_aside(directory, newest + 1, name);
    if (catalog__directory_calls.rename(directory->database, name) != 0) {
        return refuse(problem, "rename", directory->database);
    }
    result = sync_directory(directory->path, problem);
    return result == 0 ? move_companions(directory, newest + 1, problem) : result;
}

int catalog__directory_newest_aside(const struct catalog__directory *directory,
                                    char name[CATALOG__PATH_SIZE_MAX],
                                    struct catalog_problem *problem) {
    unsigned newest;
    int result = newest_number(directory, &newest, problem);
    name[0] = '\0';
    if (result == 0 && newest > 0) {
        name_aside(directory, newest, name);
    }
    return result;
}

/* The tables are on the disk before there is a WAL, and no database shrinks to nothing. SQLite would take the file for a
 * new one, and delete the WAL. */
static int check_size(const struct catalog__directory *directory, const struct stat *database,
                      struct catalog_problem *problem) {
    char wal[CATALOG__PATH_SIZE_MAX];
    struct stat status;
    if (database->st_size > 0 || !join(wal, directory->database, "-wal") ||
        lstat(wal, &status) != 0 || status.st_size == 0) {
        return 0;
    }
    return catalog__store_problem(problem, CATALOG_EDAMAGED, "%.300s is empty, its WAL is not",
                                  directory->database);
}

int catalog__directory_make_database(const struct catalog__directory *directory,
                                     struct catalog_problem *problem) {
    struct stat status;
    if (lstat(directory->database, &status) == 0) {
        if (S_ISREG(status.st_mode)) {
            return check_size(directory, &status, problem);
        }
        return catalog__store_problem(problem, CATALOG_EPERMISSION,
                                      "%.300s is no regular file: move it away",
                                      directory->database);
    }
    if (errno != ENOENT) {
        return refuse(problem, "look at", directory->database);
    }
    unsigned newest;
    int result = newest_number(directory, &newest, problem);
    if (result == 0) {
        result = move_companions(directory, newest + 1, problem);
    }
    if (result != 0) {
        return result;
    }
    int fd = open(directory->database, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return refuse(problem, "make", directory->database);
    }
    (void)close(fd);
    return sync_directory(directory->path, problem);
}
