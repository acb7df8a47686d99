/* replay_main.c - runs inputs through a fuzz target without libFuzzer: the corpora in every build and under every
 * compiler, and one input that once crashed, in a debugger.
 *
 *      fuzz/frame-replay test/fuzz/corpus/frame crash-1234
 *
 * An argument is a file, or a folder whose files are run in the order of their names. Prints how many there were; none
 * at all is a failure, so that a corpus that went missing is noticed.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Its own block of exactly its size, so that AddressSanitizer sees one byte read too many. */
static uint8_t *file_read(const char *path, size_t size_bytes) {
    uint8_t *bytes = malloc(size_bytes > 0 ? size_bytes : 1);
    FILE *file = fopen(path, "rb");
    if (bytes == NULL || file == NULL || fread(bytes, 1, size_bytes, file) != size_bytes) {
        fprintf(stderr, "replay: cannot read %s\n", path);
        exit(1);
    }
    fclose(file);
    return bytes;
}

/* VERBOSE names each input before it runs, so that the last one named is the one that crashed. */
static void file_run(const char *path, size_t size_bytes) {
    uint8_t *bytes = file_read(path, size_bytes);
    if (getenv("VERBOSE") != NULL)
        fprintf(stderr, "replay: %s (%zu bytes)\n", path, size_bytes);
    LLVMFuzzerTestOneInput(bytes, size_bytes);
    free(bytes);
}

static size_t path_run(const char *path);

static size_t folder_run(const char *path) {
    struct dirent **names;
    const int name_count = scandir(path, &names, NULL, alphasort);
    if (name_count < 0) {
        fprintf(stderr, "replay: cannot read %s\n", path);
        exit(1);
    }
    size_t count = 0;
    for (int i = 0; i < name_count; ++i) {
        char *inside = NULL;
        if (names[i]->d_name[0] != '.') {
            if (asprintf(&inside, "%s/%s", path, names[i]->d_name) < 0)
                abort();
            count += path_run(inside);
        }
        free(inside);
        free(names[i]);
    }
    free(names);
    return count;
}

/* Returns how many inputs were run. */
static size_t path_run(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0) {
        fprintf(stderr, "replay: there is no %s\n", path);
        exit(1);
    }
    if (S_ISDIR(status.st_mode))
        return folder_run(path);
    file_run(path, (size_t)status.st_size);
    return 1;
}

int main(int argc, char **argv) {
    size_t count = 0;
    for (int i = 1; i < argc; ++i)
        count += path_run(argv[i]);
    printf("%zu inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
