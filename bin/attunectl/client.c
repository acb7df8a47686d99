/* client.c - talks to the daemon.
 *
 * The daemon is on loopback or behind a UNIX socket: proxies of the environment are not for it, and it never redirects.
 */
#include "bin/attunectl/client.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    CONNECT_TIMEOUT_S = 5,
    TIMEOUT_S = 300,
    SILENCE_S = 60 /* the daemon says something each 15 s */
};

struct client {
    CURL *curl;
    char *base;         /* http://HOST:PORT without a slash at its end */
    const char *socket; /* path of a UNIX socket, or NULL */
    char *url;
    long extra_timeout_s;
};

/* --- text -------------------------------------------------------------------------------------------------------- */

static void *or_die(void *memory) {
    if (memory == NULL) {
        fputs("attunectl: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

void text_append(struct text *text, const char *data, size_t size_bytes) {
    size_t needed = 0;
    if (__builtin_add_overflow(text->size_bytes, size_bytes, &needed) ||
        __builtin_add_overflow(needed, 1, &needed))
        or_die(NULL);
    if (needed > text->capacity_bytes) {
        size_t doubled = text->capacity_bytes > SIZE_MAX / 2 ? needed : text->capacity_bytes * 2;
        text->capacity_bytes = doubled > needed ? doubled : needed;
        text->data = or_die(realloc(text->data, text->capacity_bytes));
    }
    if (size_bytes > 0)
        memcpy(text->data + text->size_bytes, data, size_bytes);
    text->size_bytes += size_bytes;
    text->data[text->size_bytes] = '\0';
}

void text_print(struct text *text, const char *format, ...) {
    char *printed = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size_bytes = vasprintf(&printed, format, arguments);
    va_end(arguments);
    if (size_bytes < 0)
        or_die(NULL);
    text_append(text, printed, (size_t)size_bytes);
    free(printed);
}

void text_close(struct text *text) {
    free(text->data);
    *text = (struct text){0};
}

void answer_close(struct answer *answer) {
    text_close(&answer->body);
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

struct client *client_new(const char *url) {
    struct client *client = or_die(calloc(1, sizeof *client));
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || (client->curl = curl_easy_init()) == NULL) {
        free(client);
        return NULL;
    }
    client->url = or_die(strdup(url));
    struct text base = {0};
    if (strncmp(url, "unix:", 5) == 0) {
        client->socket = client->url + 5;
        text_print(&base, "http://localhost");
    } else {
        size_t size_bytes = strlen(url);
        while (size_bytes > 0 && url[size_bytes - 1] == '/')
            size_bytes--;
        text_print(&base, "%s%.*s", strstr(url, "://") == NULL ? "http://" : "", (int)size_bytes,
                   url);
    }
    client->base = base.data;
    return client;
}

void client_free(struct client *client) {
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    curl_global_cleanup();
    free(client->base);
    free(client->url);
    free(client);
}

void client_escape(struct client *client, const char *part, struct text *path) {
    char *escaped = or_die(curl_easy_escape(client->curl, part, 0));
    text_append(path, escaped, strlen(escaped));
    curl_free(escaped);
}

void client_set_timeout(struct client *client, int64_t timeout_ms) {
    client->extra_timeout_s = timeout_ms > 0 ? (long)(timeout_ms / 1000) + 1 : 0;
}

static size_t take_body(char *data, size_t size, size_t count, void *context) {
    struct answer *answer = context;
    text_append(&answer->body, data, size * count);
    return size * count;
}

static struct curl_slist *add_header(struct curl_slist *headers, const char *header) {
    return or_die(curl_slist_append(headers, header));
}

static struct curl_slist *headers_of(const char *if_match, bool has_body) {
    char match[96];
    struct curl_slist *headers = NULL;
    if (has_body) {
        headers = add_header(headers, "Content-Type: application/json");
        /* The daemon reads every body that it would take; waiting for a 100 costs a second where it sends none. */
        headers = add_header(headers, "Expect:");
    }
    if (if_match != NULL) {
        snprintf(match, sizeof match, "If-Match: %.64s", if_match);
        headers = add_header(headers, match);
    }
    return headers;
}

static void prepare(struct client *client, const char *url, struct curl_slist *headers,
                    char reason[CURL_ERROR_SIZE]) {
    CURL *curl = client->curl;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L); /* an entity may be called ".." */
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (client->socket != NULL)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket);
}

bool client_request(struct client *client, const char *method, const char *path,
                    const char *if_match, const char *body, size_t body_size_bytes,
                    struct answer *answer, char message[256]) {
    CURL *curl = client->curl;
    char reason[CURL_ERROR_SIZE] = "";
    struct text url = {0};
    struct curl_slist *headers = headers_of(if_match, body != NULL);
    text_print(&url, "%s%s", client->base, path);
    *answer = (struct answer){0};
    text_append(&answer->body, "", 0);
    prepare(client, url.data, headers, reason);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S + client->extra_timeout_s);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body_size_bytes);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    CURLcode result = curl_easy_perform(curl);
    if (result == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    else
        snprintf(message, 256, "%.200s", reason[0] != '\0' ? reason : curl_easy_strerror(result));
    curl_slist_free_all(headers);
    text_close(&url);
    return result == CURLE_OK;
}

/* --- streams ----------------------------------------------------------------------------------------------------- */

struct stream {
    CURL *curl;
    bool (*take)(void *context, const char *bytes, size_t size_bytes);
    void *context;
    struct answer *answer;
    time_t heard_s; /* when anything came last */
};

static time_t now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static int is_silent(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                     curl_off_t up) {
    const struct stream *stream = context;
    (void)down_total, (void)down, (void)up_total, (void)up;
    return now_s() - stream->heard_s > SILENCE_S;
}

static size_t take_stream(char *data, size_t size, size_t count, void *context) {
    struct stream *stream = context;
    stream->heard_s = now_s();
    curl_easy_getinfo(stream->curl, CURLINFO_RESPONSE_CODE, &stream->answer->status);
    if (stream->answer->status != 200)
        return take_body(data, size, count, stream->answer);
    return stream->take(stream->context, data, size * count) ? size * count : 0;
}

bool client_stream(struct client *client, const char *path,
                   bool (*take)(void *context, const char *bytes, size_t size_bytes), void *context,
                   struct answer *answer, char message[256]) {
    char reason[CURL_ERROR_SIZE] = "";
    struct text url = {0};
    struct stream stream = {client->curl, take, context, answer, now_s()};
    text_print(&url, "%s%s", client->base, path);
    *answer = (struct answer){0};
    text_append(&answer->body, "", 0);
    prepare(client, url.data, NULL, reason);
    curl_easy_setopt(client->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(client->curl, CURLOPT_XFERINFOFUNCTION, is_silent);
    curl_easy_setopt(client->curl, CURLOPT_XFERINFODATA, &stream);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take_stream);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &stream);
    CURLcode result = curl_easy_perform(client->curl);
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    if (result != CURLE_OK)
        snprintf(message, 256, "%.200s", reason[0] != '\0' ? reason : curl_easy_strerror(result));
    text_close(&url);
    return result == CURLE_OK;
}
