/* transport_plain.c - plain TCP: for loopback, and for whoever asks for it by `insecure`. */
#include "gossip/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static enum gossip__io plain_handshake(struct gossip__transport *transport) {
    (void)transport;
    return GOSSIP__IO_DONE;
}

static enum gossip__io plain_read(struct gossip__transport *transport, uint8_t *bytes,
                                  size_t size_bytes, size_t *count) {
    ssize_t result;
    do {
        result = recv(transport->descriptor, bytes, size_bytes, 0);
    } while (result < 0 && errno == EINTR);
    if (result > 0) {
        *count = (size_t)result;
        return GOSSIP__IO_DONE;
    }
    if (result == 0) {
        return GOSSIP__IO_ENDED;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK ? GOSSIP__IO_WANTS_READ : GOSSIP__IO_FAILED;
}

static enum gossip__io plain_write(struct gossip__transport *transport, const uint8_t *bytes,
                                   size_t size_bytes, size_t *count) {
    ssize_t result;
    do {
        result = send(transport->descriptor, bytes, size_bytes, MSG_NOSIGNAL);
    } while (result < 0 && errno == EINTR);
    if (result > 0) {
        *count = (size_t)result;
        return GOSSIP__IO_DONE;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK ? GOSSIP__IO_WANTS_WRITE : GOSSIP__IO_FAILED;
}

static void plain_close(struct gossip__transport *transport) {
    close(transport->descriptor);
    transport->descriptor = -1;
}

const struct gossip__transport_operations gossip__transport_plain = {
    .handshake = plain_handshake,
    .read = plain_read,
    .write = plain_write,
    .close = plain_close,
};
