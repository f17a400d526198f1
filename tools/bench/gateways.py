"""The gateways of a run, one class each, all with the same four methods.

    start(cores)     begins to run; returns when it answers
    target(kind)     (port, model name, headers) for a kind of request, or
                     None where this gateway cannot do it
    pid              head of its process tree; None: nothing to measure
    stop()
"""

import pathlib

from program import Program, Trouble, find, free_ports
from upstream import TLS_KINDS, nginx_head, start_nginx

MODEL = "bench-model"
MASTER_KEY = "sk-bench-0123456789abcdef"


class Direct:
    """No gateway: what the others are compared to."""
    name, pid = "direct", None

    def __init__(self, upstream):
        self.upstream = upstream

    def start(self, cores):
        pass

    def target(self, kind):
        if kind in (*TLS_KINDS, "failover"):
            return None
        return self.upstream.ports[kind], MODEL, []

    def stop(self):
        pass


class Proxy:
    """What nginx and HAProxy have in common: one port for each kind."""
    kinds = ("plain", "anthropic", "stream", *TLS_KINDS, "failover")

    def __init__(self, name, directory, upstream):
        self.name = name
        self.directory = pathlib.Path(directory) / name
        self.upstream = upstream
        self.ports = dict(zip(self.kinds, free_ports(len(self.kinds))))
        self.program = None

    @property
    def pid(self):
        return self.program.pid if self.program else None

    def target(self, kind):
        if kind not in self.ports or (
                kind in TLS_KINDS and not self.upstream.ca_file):
            return None
        return self.ports[kind], MODEL, []

    def stop(self):
        if self.program:
            self.program.stop()
            self.program = None


class Nginx(Proxy):
    """proxy_pass over kept connections. Bodies stay in memory; answers are
    not buffered where they are streams."""

    def __init__(self, name, directory, upstream, access_log=False,
                 workers=1):
        super().__init__(name, directory, upstream)
        self.access_log = access_log
        self.workers = workers

    def start(self, cores):
        self.directory.mkdir(exist_ok=True)
        self.program = start_nginx(self.directory, self.conf(),
                                   self.ports["plain"], cores, self.name)

    def servers(self, kind):
        at = self.upstream.ports
        if kind == "failover":
            return (f"    server 127.0.0.1:{at['error']} max_fails=0;\n"
                    f"    server 127.0.0.1:{at['plain']} max_fails=0 "
                    "backup;\n")
        return f"    server 127.0.0.1:{at[kind]} max_fails=0;\n"

    def location(self, kind):
        scheme, more = "http", ""
        if kind == "stream":
            more = "      proxy_buffering off;\n"
        elif kind == "failover":
            more = ("      proxy_next_upstream error timeout http_500 "
                    "non_idempotent;\n")
        elif kind in TLS_KINDS:
            scheme = "https"
            # By default it would speak 1.2 only, whose resumption needs no
            # key exchange: another thing than what the others do.
            more = ("      proxy_ssl_protocols TLSv1.2 TLSv1.3;\n"
                    "      proxy_ssl_verify on;\n"
                    "      proxy_ssl_name localhost;\n"
                    "      proxy_ssl_trusted_certificate "
                    f"{self.upstream.ca_file};\n")
        return (f"      proxy_pass {scheme}://{kind};\n"
                "      proxy_http_version 1.1;\n"
                "      proxy_set_header Connection '';\n" + more)

    def conf(self):
        text = nginx_head(self.directory, self.workers)
        log = f"{self.directory}/access.log" if self.access_log else "off"
        text += (f"  access_log {log};\n  client_body_buffer_size 2m;\n")
        for kind, port in self.ports.items():
            if kind in TLS_KINDS and not self.upstream.ca_file:
                continue
            text += (f"  upstream {kind} {{\n{self.servers(kind)}"
                     "    keepalive 2048;\n"
                     "    keepalive_requests 100000000;\n  }\n"
                     "  server {\n"
                     f"    listen 127.0.0.1:{port} backlog=4096;\n"
                     f"    location / {{\n{self.location(kind)}    }}\n"
                     "  }\n")
        return text + "}\n"


class Haproxy(Proxy):
    """One thread, connections reused. Its retries do not take a 500 of a
    POST elsewhere with the order kept, so failover is left out."""
    kinds = ("plain", "anthropic", "stream", *TLS_KINDS)

    def conf(self):
        text = ("global\n  nbthread 1\n  maxconn 8000\n"
                "defaults\n  mode http\n  timeout connect 5s\n"
                "  timeout client 60s\n  timeout server 60s\n"
                "  http-reuse always\n  option http-no-delay\n")
        for kind, port in self.ports.items():
            tls = ""
            if kind in TLS_KINDS:
                if not self.upstream.ca_file:
                    continue
                tls = (" ssl verify required sni str(localhost) ca-file "
                       f"{self.upstream.ca_file}")
            text += (f"listen {kind}\n  bind 127.0.0.1:{port}\n"
                     f"  server one 127.0.0.1:{self.upstream.ports[kind]}"
                     f"{tls}\n")
        return text

    def start(self, cores):
        self.directory.mkdir(exist_ok=True)
        conf = self.directory / "haproxy.cfg"
        conf.write_text(self.conf(), encoding="utf-8")
        self.program = Program([find("haproxy"), "-db", "-f", conf],
                               self.directory, cores, self.name)
        self.program.await_port(self.ports["plain"])


class Tallygate:
    """Features: `keys` asks for the administrator's key, `caps` sets prices
    and hard caps of four scopes. Traces cannot be turned off: they are the
    ledger. `confine`: a profile build's workers write what they saw outside
    their folder, and must be let."""

    def __init__(self, name, directory, upstream, build, *, keys=True,
                 caps=True, workers=1, confine=True):
        self.name = name
        self.directory = pathlib.Path(directory) / name
        self.upstream, self.build = upstream, pathlib.Path(build)
        self.keys, self.caps, self.workers = keys, caps, workers
        self.confine = confine
        self.port = free_ports(1)[0]
        self.program = None

    @property
    def pid(self):
        return self.program.pid if self.program else None

    def deployment(self, group, provider, kind, **more):
        scheme = "https" if kind in TLS_KINDS else "http"
        version = "" if provider == "anthropic" else "/v1"
        params = {"model": f"{provider}/{MODEL}", "api_key": "sk-upstream",
                  "api_base": f"{scheme}://127.0.0.1:"
                              f"{self.upstream.ports[kind]}{version}", **more}
        if self.caps:
            params.update(input_cost_per_token="0.00000015",
                          output_cost_per_token="0.0000006")
        return (f"  - model_name: {group}\n    litellm_params:\n" +
                "".join(f"      {k}: {v}\n" for k, v in params.items()))

    def conf(self):
        text = "model_list:\n"
        text += self.deployment("plain", "openai", "plain")
        text += self.deployment("anthropic", "anthropic", "anthropic")
        text += self.deployment("stream", "openai", "stream")
        text += self.deployment("failover", "openai", "error", order=1)
        text += self.deployment("failover", "openai", "plain", order=2)
        for kind in TLS_KINDS if self.upstream.ca_file else ():
            text += self.deployment(kind, "openai", kind)
        # The failing deployment is asked each time: that is the case.
        text += ("router_settings:\n  num_retries: 1\n"
                 "  disable_cooldowns: true\n")
        if self.keys:
            text += f"general_settings:\n  master_key: {MASTER_KEY}\n"
        text += "tallygate:\n  traces: {rotate_bytes: 256M, keep: 1}\n"
        if not self.confine:
            text += "  confine: false\n"
        if self.caps:
            text += ("  budgets:\n" + "".join(
                f"    - {{per: {scope}, max_budget: 1000000, "
                "budget_duration: 1d}\n"
                for scope in ("global", "provider", "model", "key")))
        return text

    def command(self):
        return [self.build / "tallygate",
                "--config", self.directory / "tallygate.yaml",
                "--host", "127.0.0.1", "--port", self.port,
                "--num_workers", self.workers,
                "--state", self.directory / "state"]

    def start(self, cores):
        self.directory.mkdir(exist_ok=True)
        (self.directory / "tallygate.yaml").write_text(self.conf(),
                                                       encoding="utf-8")
        # Whom the provider's certificate is by.
        env = ({"SSL_CERT_FILE": str(self.upstream.ca_file)}
               if self.upstream.ca_file else {})
        self.program = Program(self.command(), self.directory, cores,
                               self.name, env)
        self.program.await_port(self.port)

    def target(self, kind):
        if kind in TLS_KINDS and not self.upstream.ca_file:
            return None
        headers = [f"Authorization: Bearer {MASTER_KEY}"] if self.keys else []
        return self.port, kind, headers

    def stop(self, seconds=10):
        if self.program:
            self.program.stop(seconds)
            self.program = None


class Other:
    """Any other gateway, by its command line (tools/bench/compare)."""

    def __init__(self, name, directory, argv, port, model, headers, kinds):
        self.name, self.argv, self.port = name, argv, port
        self.directory = pathlib.Path(directory) / name
        self.model, self.headers, self.kinds = model, headers, kinds
        self.program = None

    @property
    def pid(self):
        return self.program.pid if self.program else None

    def start(self, cores):
        self.directory.mkdir(exist_ok=True)
        self.program = Program(self.argv, self.directory, cores, self.name)
        self.program.await_port(self.port, 60)

    def target(self, kind):
        if kind not in self.kinds:
            return None
        return self.port, self.model.replace("{kind}", kind), self.headers

    def stop(self):
        if self.program:
            self.program.stop()
            self.program = None


def known(directory, upstream, build):
    """{name: gateway} of all that can be rows, none started."""
    rows = [Direct(upstream)]
    rows += [Nginx("nginx", directory, upstream),
             Nginx("nginx-log", directory, upstream, access_log=True),
             Nginx("nginx-2", directory, upstream, workers=2)]
    if find("haproxy"):
        rows.append(Haproxy("haproxy", directory, upstream))
    for name, options in {
            "tallygate-off": {"keys": False, "caps": False},
            "tallygate-keys": {"caps": False},
            "tallygate": {},
            "tallygate-2": {"workers": 2},
            "tallygate-unconfined": {"confine": False}}.items():
        rows.append(Tallygate(name, directory, upstream, build, **options))
    return {row.name: row for row in rows}


def check_name(names, gateways):
    unknown = [n for n in names if n not in gateways]
    if unknown:
        raise Trouble(f"no such row: {', '.join(unknown)}; there are "
                      f"{', '.join(gateways)}")
