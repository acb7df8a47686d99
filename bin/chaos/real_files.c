/* real_files.c - the files of a node: copied, emptied, damaged, and their disk filled. */
#include "bin/chaos/real_parts.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TREE_DESCRIPTORS = 16, FILL_STEP_BYTES = 1024 * 1024 };

bool real_path(char path[REAL_PATH_SIZE_MAX], const char *a, const char *b) {
    int size_bytes = snprintf(path, REAL_PATH_SIZE_MAX, "%s%s", a, b);
    return size_bytes >= 0 && size_bytes < REAL_PATH_SIZE_MAX;
}

/* --- trees ------------------------------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status, (void)type, (void)walk;
    (void)remove(path);
    return 0;
}

static int remove_below(const char *path, const struct stat *status, int type, struct FTW *walk) {
    return walk->level == 0 ? 0 : remove_one(path, status, type, walk);
}

bool real_files_remove(const char *path) {
    (void)nftw(path, remove_one, TREE_DESCRIPTORS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    return access(path, F_OK) != 0;
}

bool real_files_empty(const char *directory) {
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return false;
    return nftw(directory, remove_below, TREE_DESCRIPTORS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0;
}

static bool copy_file(const char *from, const char *to) {
    struct stat status;
    bool copied = false;
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
    if (in < 0 || fstat(in, &status) != 0)
        goto end;
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, status.st_mode & 0777);
    if (out < 0)
        goto end;
    ssize_t size;
    while ((size = sendfile(out, in, NULL, FILL_STEP_BYTES)) > 0) {
    }
    copied = size == 0;
end:
    if (out >= 0)
        copied = close(out) == 0 && copied;
    if (in >= 0)
        close(in);
    return copied;
}

/* A data directory is flat; what is a directory in it (there is none) is left out. */
bool real_files_copy(const char *from, const char *to) {
    char source[REAL_PATH_SIZE_MAX * 2 + 2], target[REAL_PATH_SIZE_MAX * 2 + 2];
    DIR *directory = opendir(from);
    bool copied = directory != NULL && real_files_empty(to);
    const struct dirent *entry;
    while (copied && (entry = readdir(directory)) != NULL) {
        struct stat status;
        snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
        snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
        if (lstat(source, &status) == 0 && S_ISREG(status.st_mode))
            copied = copy_file(source, target);
    }
    if (directory != NULL)
        closedir(directory);
    return copied;
}

bool real_files_all(const char *path, bool (*holds)(const char *name, void *context),
                    void *context) {
    DIR *directory = opendir(path);
    const struct dirent *entry;
    bool any = false, all = directory != NULL;
    while (all && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        any = true;
        all = holds(entry->d_name, context);
    }
    if (directory != NULL)
        closedir(directory);
    return any && all;
}

static bool count_name(const char *name, void *context) {
    (void)name;
    ++*(uint64_t *)context;
    return true;
}

uint64_t real_files_names(const char *directory) {
    uint64_t count = 0;
    (void)real_files_all(directory, count_name, &count);
    return count;
}

/* --- single files ------------------------------------------------------------------------------------------------ */

static uint64_t size_of(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static bool flip(const char *path, uint64_t bit) {
    uint8_t byte;
    off_t offset = (off_t)(bit / 8);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    bool flipped = pread(descriptor, &byte, 1, offset) == 1;
    byte = (uint8_t)(byte ^ 1U << bit % 8);
    flipped = flipped && pwrite(descriptor, &byte, 1, offset) == 1;
    close(descriptor);
    return flipped;
}

/* What the disk holds of a killed node is the database and the log that is not yet in it: either may be hit. */
uint64_t real_files_damage(const char *directory, struct real_random *random, uint64_t count) {
    char database[REAL_PATH_SIZE_MAX], log[REAL_PATH_SIZE_MAX];
    uint64_t flipped = 0;
    if (!real_path(database, directory, "/catalog.db") ||
        !real_path(log, directory, "/catalog.db-wal"))
        return 0;
    uint64_t first = size_of(database) * 8, all = first + size_of(log) * 8;
    for (uint64_t i = 0; i < count && all > 0; i++) {
        uint64_t bit = real_random_below(random, all);
        flipped += bit < first ? flip(database, bit) : flip(log, bit - first);
    }
    return flipped;
}

bool real_files_write(const char *path, const char *text) {
    char fresh[REAL_PATH_SIZE_MAX];
    if (!real_path(fresh, path, ".new"))
        return false;
    FILE *file = fopen(fresh, "we");
    if (file == NULL)
        return false;
    bool written = fputs(text, file) >= 0;
    return fclose(file) == 0 && written && rename(fresh, path) == 0;
}

bool real_files_fill(const char *path) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return false;
    off_t size_bytes = 0;
    for (off_t step = FILL_STEP_BYTES; step > 0; step /= 2)
        while (fallocate(descriptor, 0, size_bytes, step) == 0)
            size_bytes += step;
    bool full = errno == ENOSPC;
    close(descriptor);
    return full;
}

uint64_t real_files_count(const char *path, const char *text) {
    char line[4096];
    uint64_t count = 0;
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        count += strstr(line, text) != NULL;
    if (file != NULL)
        fclose(file);
    return count;
}

void real_files_last_line(const char *path, char *line, size_t size_bytes) {
    char read[1024];
    assert(size_bytes > 0);
    line[0] = '\0';
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(read, sizeof read, file) != NULL)
        snprintf(line, size_bytes, "%s", read);
    line[strcspn(line, "\n")] = '\0';
    if (file != NULL)
        fclose(file);
}
