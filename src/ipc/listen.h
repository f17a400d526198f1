/* Listening sockets, made once by the supervisor and inherited by workers. */
#ifndef IPC_LISTEN_H
#define IPC_LISTEN_H

#include "base/err.h"

/*
 * A non-blocking listening TCP socket (SO_REUSEADDR, TCP_NODELAY for what it
 * accepts, backlog 1024, close-on-exec) on host:port; port 0 picks one
 * (*port_r). host is an address or a name; IPv6 sockets are V6ONLY. Returns
 * the descriptor or -1 with ERR_IO that says who else may hold the port.
 */
int listen_tcp(const char *host, int port, int *port_r,
    struct err *err) MUST_CHECK;

#endif
