/* write.c - sends a write with its flags, and follows --wait and --staged to their end.
 *
 *   nobody watches                      one request with wait=D; the daemon answers at its end
 *   a terminal, --wait                  the write at once, then agreement on it in slices (progress.c)
 *   a terminal, --staged or --abort     the same request again and again: each goes on where the last one ended
 */
#include "bin/attunectl/agreement.h"
#include "bin/attunectl/command.h"
#include "bin/attunectl/progress.h"

#include <inttypes.h>
#include <string.h>

/* As the daemon has them. */
enum { WAIT_MS = 5000, STAGED_MS = 30000 };

static void append(struct text *path, const char *name, const char *value) {
    bool first = path->data == NULL || strchr(path->data, '?') == NULL;
    text_print(path, "%s%s%s%s", first ? "?" : "&", name, value == NULL ? "" : "=",
               value == NULL ? "" : value);
}

static void append_flags(const struct arguments *arguments, struct text *path) {
    static const struct {
        unsigned flag;
        const char *name;
    } flags[] = {{FLAG_CASCADE, "cascade"},
                 {FLAG_DRY_RUN, "dry_run"},
                 {FLAG_STAGED, "staged"},
                 {FLAG_ABORT, "abort"}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (arguments->flags & flags[i].flag)
            append(path, flags[i].name, "1");
    }
}

static void append_wait(struct arguments *arguments, struct text *path, const char *wait) {
    if (wait != NULL) {
        struct text escaped = {0};
        client_escape(arguments->client, wait, &escaped);
        append(path, "wait", escaped.data);
        text_close(&escaped);
    }
    if (arguments->flags & FLAG_SKIP_DEAD)
        append(path, "skip_dead", "1");
}

static int send_body(struct arguments *arguments, const char *method, const char *path,
                     const struct text *body, struct answer *answer) {
    return command_send(arguments, method, path, body == NULL ? NULL : body->data,
                        body == NULL ? 0 : body->size_bytes, answer);
}

static int judge(const struct answer *answer) {
    return answer->status >= 200 && answer->status < 300 ? EXIT_DONE : command_refused(answer);
}

static int send_staged(struct arguments *arguments, const char *method, const struct text *path,
                       const struct text *body, int64_t timeout_ms, struct answer *answer) {
    struct progress progress;
    int exit_code;
    bool again;
    progress_begin(&progress, timeout_ms);
    do {
        char slice[32];
        struct text target = {0};
        answer_close(answer);
        snprintf(slice, sizeof slice, "%" PRId64 "ms", progress.slice_ms);
        text_print(&target, "%s", path->data);
        append_wait(arguments, &target, slice);
        exit_code = send_body(arguments, method, target.data, body, answer);
        json_t *root = exit_code == EXIT_DONE && answer->status == 504
                           ? json_loadb(answer->body.data, answer->body.size_bytes, 0, NULL)
                           : NULL;
        const json_t *members = json_object_get(json_object_get(root, "error"), "details");
        again = members != NULL && progress_go_on(&progress, members);
        json_decref(root);
        text_close(&target);
    } while (again);
    progress_end(&progress);
    return exit_code != EXIT_DONE ? exit_code : judge(answer);
}

/* The write is answered; whether it changed more than what it names shows in `also_dropped`. */
static int wait_for_written(struct arguments *arguments, const struct answer *written,
                            const struct written_key *key, int64_t timeout_ms) {
    struct answer answer = {0};
    json_t *root = json_loadb(written->body.data, written->body.size_bytes, 0, NULL);
    const struct written_key all = {0};
    bool more = json_object_get(root, "also_dropped") != NULL;
    json_decref(root);
    int exit_code = agreement_wait(arguments, more ? &all : key, timeout_ms, &answer);
    if (exit_code == EXIT_NOT_AGREED)
        complain("the write stands, but not all members have confirmed in time");
    agreement_complain(&answer);
    answer_close(&answer);
    return exit_code;
}

int command_write(struct arguments *arguments, const char *method, struct text *path,
                  const struct text *body, const struct written_key *key, struct answer *answer) {
    bool staged = (arguments->flags & (FLAG_STAGED | FLAG_ABORT)) != 0;
    bool waits = (arguments->flags & FLAG_WAIT) != 0;
    const char *wait = arguments->wait;
    int64_t timeout_ms = wait != NULL       ? progress_duration(wait)
                         : staged && !waits ? STAGED_MS
                                            : WAIT_MS;
    append_flags(arguments, path);
    client_set_timeout(arguments->client, timeout_ms);
    bool watched = progress_is_watched() && timeout_ms > 0 && (staged || waits) &&
                   !(arguments->flags & FLAG_DRY_RUN);
    if (watched && staged)
        return send_staged(arguments, method, path, body, timeout_ms, answer);
    if (!watched)
        append_wait(arguments, path, waits ? (wait != NULL ? wait : "5s") : NULL);
    int exit_code = send_body(arguments, method, path->data, body, answer);
    if (exit_code == EXIT_DONE)
        exit_code = judge(answer);
    if (exit_code == EXIT_DONE && watched)
        exit_code = wait_for_written(arguments, answer, key, timeout_ms);
    return exit_code;
}
