/* state_file.c - writes and removes DIR/attuned.json.
 *
 * It is no lock and no part of the catalog: the store holds the lock of the directory before this is written.
 */
#include "bin/attuned/state_file.h"
#include "bin/attuned/http_print.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void state_file_print(const struct state_file *state, struct merkle_buffer *json) {
    http_print(json, "{\"pid\":%ld,\"name\":", state->pid);
    http_print_text(json, state->name);
    http_print(json, ",\"id\":");
    http_print_id(json, &state->id);
    http_print(json, ",\"cluster\":");
    http_print_text(json, state->cluster);
    http_print(json, ",\"gossip\":");
    http_print_text(json, state->gossip);
    http_print(json, ",\"http\":");
    http_print_text(json, state->http);
    http_print(json, ",\"metrics\":");
    http_print_text(json, state->metrics);
    http_print(json, "}\n");
}

static bool path_in(const char *directory, const char *name, char path[PATH_MAX]) {
    int size_bytes = snprintf(path, PATH_MAX, "%s/%s", directory, name);
    return size_bytes > 0 && size_bytes < PATH_MAX;
}

static bool write_whole(const char *path, const struct merkle_buffer *json) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    size_t done = 0;
    while (done < json->size_bytes) {
        ssize_t written = write(fd, json->data + done, json->size_bytes - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            break;
        done += (size_t)written;
    }
    int reason = errno;
    bool closed = close(fd) == 0;
    errno = done < json->size_bytes ? reason : errno;
    return closed && done == json->size_bytes;
}

enum state_file_result state_file_write(const char *directory, const struct merkle_buffer *json,
                                        char message[300]) {
    char path[PATH_MAX], fresh[PATH_MAX];
    if (json->failed || !path_in(directory, "attuned.json", path) ||
        !path_in(directory, "attuned.json.new", fresh)) {
        snprintf(message, 300, "cannot write attuned.json: out of memory, or the path is too long");
        return STATE_FILE_FAILED;
    }
    if (write_whole(fresh, json) && rename(fresh, path) == 0)
        return STATE_FILE_WRITTEN;
    int reason = errno;
    snprintf(message, 300, "cannot write %.200s: %s", path, strerror(reason));
    unlink(fresh);
    unlink(path);
    return reason == ENOSPC || reason == EDQUOT ? STATE_FILE_NO_SPACE : STATE_FILE_FAILED;
}

void state_file_remove(const char *directory) {
    char path[PATH_MAX];
    if (path_in(directory, "attuned.json", path))
        unlink(path);
}
