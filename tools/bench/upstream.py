"""The providers of a run, the same for every gateway.

Plain answers come from nginx with the answer in its configuration: at about
6 us a request it is the cheapest HTTP server at hand, so it is not what
limits the load. Streams come from tallysim, which sends one event at a time
at a set pace; what it costs is not counted.
"""

import http.client
import json
import os
import pathlib
import subprocess

from messages import anthropic_answer, chat_answer, error_answer
from program import Program, Trouble, find, free_ports

# What may be asked for; each kind is a port of its own.
KINDS = ("plain", "anthropic", "error", "tls", "tls-anew", "stream")
TLS_KINDS = ("tls", "tls-anew")     # the second closes after each answer
STREAM_EVENTS_OF_64 = 64


def nginx_head(directory, workers=1):
    """The part of an nginx configuration that says nothing about traffic."""
    user = "user root;\n" if os.geteuid() == 0 else ""
    temp = "".join(f"  {kind}_temp_path {directory}/{kind};\n" for kind in
                   ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return (f"{user}daemon off;\nworker_processes {workers};\n"
            f"pid {directory}/nginx.pid;\nerror_log {directory}/error.log;\n"
            "worker_rlimit_nofile 20000;\n"
            "events {\n  worker_connections 8192;\n}\nhttp {\n" + temp +
            "  keepalive_requests 100000000;\n  keepalive_timeout 300s;\n"
            "  client_max_body_size 0;\n  tcp_nodelay on;\n")


def start_nginx(directory, text, port, cores, name):
    """Writes the configuration and starts it; returns when it listens."""
    directory = pathlib.Path(directory)
    directory.mkdir(exist_ok=True)
    conf = directory / "nginx.conf"
    conf.write_text(text, encoding="utf-8")
    program = Program([find("nginx"), "-p", directory, "-c", conf,
                       "-e", directory / "error.log"],
                      directory, cores, name)
    program.await_port(port)
    return program


def make_certificate(directory):
    """A private authority and a certificate of 127.0.0.1 by it: the paths
    (authority, certificate, key)."""
    ca, ca_key = directory / "ca.pem", directory / "ca.key"
    cert, key = directory / "cert.pem", directory / "cert.key"
    request, extra = directory / "cert.csr", directory / "cert.ext"
    extra.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes"]
    for argv in (
            ["req", "-x509", *curve, "-days", "2", "-subj", "/CN=bench CA",
             "-keyout", ca_key, "-out", ca],
            ["req", *curve, "-subj", "/CN=localhost", "-keyout", key,
             "-out", request],
            ["x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key,
             "-CAcreateserial", "-days", "2", "-extfile", extra,
             "-out", cert]):
        done = subprocess.run([find("openssl"), *map(str, argv)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Trouble(f"openssl: {done.stderr}")
    return ca, cert, key


class Upstream:
    """All providers. `ports` is {kind: port}, `ca_file` signs the one with
    TLS (None without openssl)."""

    def __init__(self, directory, build, cores):
        self.directory = pathlib.Path(directory) / "upstream"
        self.directory.mkdir()
        self.ports = dict(zip(KINDS, free_ports(len(KINDS))))
        self.handshake_log = self.directory / "handshakes"
        self.ca_file = None
        self.programs = []
        if find("openssl"):
            self.ca_file, self.cert, self.key = make_certificate(
                self.directory)
        try:
            self.programs.append(start_nginx(
                self.directory, self.nginx_conf(), self.ports["plain"],
                cores.upstream, "upstream"))
            self.programs.append(Program(
                [pathlib.Path(build) / "tallysim",
                 "--port", self.ports["stream"],
                 "--completion-tokens", STREAM_EVENTS_OF_64],
                self.directory, cores.upstream, "tallysim"))
            self.programs[-1].await_port(self.ports["stream"])
        except Trouble:
            self.stop()
            raise

    def server(self, kind, status, body):
        tls = ssl = ""
        if kind in TLS_KINDS:
            ssl = " ssl"
            tls = (f"    ssl_certificate {self.cert};\n"
                   f"    ssl_certificate_key {self.key};\n"
                   "    ssl_session_cache shared:tls:1m;\n"
                   f"    access_log {self.handshake_log} handshake "
                   "if=$is_first;\n")
        if kind == "tls-anew":
            tls += "    keepalive_requests 1;\n"
        return (f"  server {{\n    listen 127.0.0.1:{self.ports[kind]}{ssl} "
                f"backlog=4096;\n{tls}"
                "    default_type application/json;\n"
                f"    location / {{ return {status} '{body}'; }}\n  }}\n")

    def nginx_conf(self):
        # One line for each TLS connection: "r" when its session was resumed.
        text = nginx_head(self.directory) + (
            "  access_log off;\n"
            "  log_format handshake '$ssl_session_reused';\n"
            "  map $connection_requests $is_first { 1 1; default 0; }\n")
        text += self.server("plain", 200, chat_answer())
        text += self.server("anthropic", 200, anthropic_answer())
        text += self.server("error", 500, error_answer())
        for kind in TLS_KINDS if self.ca_file else ():
            text += self.server(kind, 200, chat_answer())
        return text + "}\n"

    def handshakes(self):
        """(all, full ones) so far of the providers with TLS."""
        try:
            text = self.handshake_log.read_text(encoding="utf-8")
        except OSError:
            return 0, 0
        return text.count("\n"), text.count(".\n")

    def set_stream(self, **settings):
        """Settings of the simulator, such as tokens_per_second=200."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.ports["stream"], timeout=10)
        connection.request("POST", "/control", json.dumps({"set": settings}))
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200:
            raise Trouble(f"tallysim: {text!r}")

    def stop(self):
        for program in self.programs:
            program.stop()
