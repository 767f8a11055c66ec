"""Every setting, declared once: type, bounds, default and description.

docs/settings.md, penstock.example.toml, the help of the command line and the texts of errors are all made from these
declarations. A ``Meta`` title says what a value must be, ``extra["unit"]`` what it counts.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from penstock.core.address import LOOPBACK_NAMES
from penstock.settings.alerts import Alerts
from penstock.settings.console import Console
from penstock.settings.guards import Guards
from penstock.settings.ids import Ids
from penstock.settings.kinds import (
    YEAR,
    Bytes,
    File,
    HostPattern,
    LogLevel,
    Milliseconds,
    Network,
    Number,
    Port,
    Room,
    Seconds,
    Some,
    Switch,
    Text,
    WebOrigin,
)
from penstock.settings.limits import Limits
from penstock.settings.logs import Logs
from penstock.settings.metrics import Metrics
from penstock.settings.realtime import Realtime
from penstock.settings.responses import Responses
from penstock.settings.store import Admin, Store
from penstock.settings.telemetry import Telemetry


class Server(Struct, frozen=True):
    """The side that callers see."""

    host: Annotated[
        str,
        Meta(
            min_length=1,
            title="an address or a host name",
            description="Address or name to listen on. Beyond loopback the gateway starts only with gateway keys, or "
            "with `open = true`.",
        ),
    ] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port to listen on; 0 takes a free one.")] = 8787
    workers: Annotated[Some, Meta(description="Processes that share the port.")] = 1
    log_level: Annotated[
        LogLevel,
        Meta(
            description="Least severe message that goes to standard error. The address is told down to `warning`, a "
            "first request down to `info`."
        ),
    ] = "info"
    max_body_bytes: Annotated[Bytes, Meta(description="Largest request body, measured decompressed.")] = 100 << 20
    max_upload_bytes: Annotated[
        Bytes, Meta(description="Largest file or form that passes to a provider while it arrives, unread.")
    ] = 512 << 20
    body_timeout: Annotated[
        float,
        Meta(
            gt=0,
            le=YEAR,
            title="a number of seconds above 0, up to a year",
            description="Longest silence while a request body arrives.",
            extra={"unit": "s"},
        ),
    ] = 60.0
    body_deadline: Annotated[
        Seconds, Meta(description="Longest time for a whole request body, from its first byte; 0 sets no limit.")
    ] = 600.0
    body_min_rate: Annotated[
        Number,
        Meta(
            description="Fewest bytes a second of a request body, on average, after its first `body_timeout`; 0: "
            "no limit.",
            extra={"unit": "bytes"},
        ),
    ] = 1024
    max_buffered_bytes: Annotated[
        Room,
        Meta(
            description="Largest sum of the request bodies that wait for the head of their answer, in each process; "
            "more get a 503. 0 sets no limit."
        ),
    ] = 256 << 20
    head_timeout: Annotated[
        Seconds,
        Meta(
            description="Longest time from the first byte of a request to the end of its headers, and never longer "
            "than `body_timeout`; 0: as long as that."
        ),
    ] = 30.0
    write_timeout: Annotated[
        Seconds, Meta(description="How long a caller may take no byte of its answer; 0 waits forever.")
    ] = 90.0
    max_connections: Annotated[
        Number, Meta(description="Connections of callers at a time, in each process; 0 sets no limit.")
    ] = 16384
    max_connections_per_address: Annotated[
        Number,
        Meta(
            description="Connections of one address (IPv6: of 64 bits) at a time, in each process. All callers behind "
            "a proxy have its address. 0 sets no limit."
        ),
    ] = 8192
    shutdown_grace: Annotated[
        int,
        Meta(
            ge=0,
            le=YEAR,
            title="a whole number of seconds from 0 to a year",
            description="How long running requests may go on after the signal to stop.",
            extra={"unit": "s"},
        ),
    ] = 30
    keepalive: Annotated[
        Seconds,
        Meta(
            description="Time between comments to a caller whose stream has not begun; 0 sends none. The first comment "
            "settles the response's status as 200."
        ),
    ] = 0.0
    max_hops: Annotated[
        Some, Meta(description="How many gateways a request may have passed, so that none calls itself forever.")
    ] = 5
    open: Annotated[
        Switch,
        Meta(
            description="Serve without gateway keys beyond loopback, where whoever reaches the port may use the "
            "gateway: for a network or a proxy that lets in the right callers only."
        ),
    ] = False
    allowed_hosts: Annotated[
        tuple[HostPattern, ...],
        Meta(
            title="a list of host names",
            description="Names by which callers may call a gateway without gateway keys on loopback, beside "
            "`localhost` and loopback addresses: any other may be a web page's (DNS rebinding). Names, `*.suffix`.",
            extra={"listed": True},
        ),
    ] = ()
    cors_origins: Annotated[
        tuple[WebOrigin, ...],
        Meta(
            title="a list of origins, such as http://localhost:3000, or *",
            description="Origins of web pages that may call the gateway and read its answers; `*` stands for all, but "
            "only where callers need a gateway key. Empty: no CORS headers.",
            extra={"listed": True},
        ),
    ] = ()
    tls_cert: Annotated[
        File, Meta(description="PEM file with the certificate chain to serve HTTPS with; read again when renewed.")
    ] = ""
    tls_key: Annotated[
        File, Meta(description="PEM file with the key of `tls_cert`, if that file does not hold it.")
    ] = ""
    tls_client_ca: Annotated[
        File, Meta(description="PEM file of the authorities whose certificates callers must show (mutual TLS).")
    ] = ""
    access_log: Annotated[Switch, Meta(description="Write a JSON line a request to standard output.")] = True
    expose_cost: Annotated[
        Switch,
        Meta(
            description="Tell callers in `x-penstock-cost` what a plain answer cost, in dollars, where its price is "
            "known."
        ),
    ] = False
    trusted_proxies: Annotated[
        tuple[Network, ...],
        Meta(
            title="a list of addresses and networks",
            description="Proxies whose X-Forwarded-For or Forwarded header tells the caller's address; from anybody "
            "else both are ignored.",
            examples=[["10.0.0.0/8", "192.0.2.7"]],
            extra={"listed": True},
        ),
    ] = ()


class Upstream(Struct, frozen=True):
    """The side that providers see."""

    connect_timeout: Annotated[
        Seconds, Meta(description="Longest wait for a connection: name, TCP, proxy and TLS; 0 waits forever.")
    ] = 10.0
    first_byte_timeout: Annotated[
        Seconds, Meta(description="Longest wait from the start of a call to the head of its reply; 0 waits forever.")
    ] = 600.0
    idle_timeout: Annotated[
        Seconds, Meta(description="Longest silence between two pieces of a reply; 0 waits forever.")
    ] = 300.0
    total_timeout: Annotated[
        Seconds, Meta(description="Longest duration of a call to its last byte; 0 sets no limit.")
    ] = 0.0
    max_connections: Annotated[Number, Meta(description="Connections to one origin at a time; 0 sets no limit.")] = 0
    max_idle_connections: Annotated[
        Number,
        Meta(
            description="Unused connections that are kept open over all origins, but no more than a quarter of the "
            "files that the process may open. The oldest are closed first."
        ),
    ] = 256
    idle_connection_seconds: Annotated[Seconds, Meta(description="How long an unused connection is kept open.")] = 60.0
    max_header_bytes: Annotated[Bytes, Meta(description="Largest head of a reply.")] = 65536
    ca_file: Annotated[
        File, Meta(description="PEM file of the authorities to trust in place of the system's; empty: the system's.")
    ] = ""
    client_cert: Annotated[File, Meta(description="PEM file with the certificate for mutual TLS.")] = ""
    client_key: Annotated[
        File, Meta(description="PEM file with the key of `client_cert`, if that file does not hold it.")
    ] = ""
    proxy: Annotated[
        Text,
        Meta(
            description="URL of the proxy to providers, or `none`; empty: as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.",
            extra={"secret": True},
        ),
    ] = ""


class Providers(Struct, frozen=True):
    """How providers are used."""

    env_keys: Annotated[
        bool | None,
        Meta(
            title="true or false",
            description="Lend callers without a key the provider's usual environment variable, such as OPENAI_API_KEY. "
            "Unset: only when listening on loopback. With gateway keys, only those whose `lend` says so; `false` lends "
            "to none.",
            examples=[False],
        ),
    ] = None
    gateway_identity: Annotated[
        Switch,
        Meta(
            description="Let callers without credentials use the gateway's own identity: AWS profiles and roles, "
            "Google's default credentials, Azure's managed and workload identity. Only at the providers' own "
            "addresses; with gateway keys, only those whose `lend` says so."
        ),
    ] = False


class Security(Struct, frozen=True):
    """What callers may reach."""

    trusted_hosts: Annotated[
        tuple[HostPattern, ...] | None,
        Meta(
            title="a list of hosts",
            description="Private hosts that callers may name: names, `*.suffix`, addresses, networks. Unset: this "
            "machine itself when listening on loopback without gateway keys, else none; a gateway key's `hosts` adds "
            "to them.",
            examples=[["vllm.internal", "*.gpu.lan", "10.1.0.0/16"]],
            extra={"listed": True},
        ),
    ] = None


class Routing(Struct, frozen=True):
    """The way from a request to a provider."""

    default_config: Annotated[
        Text, Meta(description="Saved config of requests that name neither provider nor config; empty: none.")
    ] = ""
    default_provider: Annotated[
        Text,
        Meta(
            description="Provider, or `@NAME` of a virtual key, of requests that name neither provider nor config and "
            "that no config serves; empty: none.",
            extra={"flag": "provider"},
        ),
    ] = ""
    deadline: Annotated[
        Seconds,
        Meta(description="Longest time for all attempts and waits until a request's answer begins; 0 sets no limit."),
    ] = 900.0
    max_attempts: Annotated[
        Some,
        Meta(
            description="Most attempts of a request, retries and hedges included; then the last failure is returned. A "
            "request that comes through other gateways has a quarter for each of them."
        ),
    ] = 50


class Cache(Struct, frozen=True):
    """Answers that are kept, for the cache and for Idempotency-Keys."""

    store: Annotated[
        Literal["auto", "memory", "redis"],
        Meta(
            title="one of auto, memory, redis",
            description="Where answers are kept, as they are: in each process's memory, or in `store.redis` for all "
            "replicas (docs/replicas.md). `auto`: in Redis, if there is one.",
        ),
    ] = "auto"
    max_bytes: Annotated[
        Room, Meta(description="Largest sum of answers that are kept in memory; 0 keeps none at all.")
    ] = 64 << 20
    max_entry_bytes: Annotated[Bytes, Meta(description="Largest answer that is cached.")] = 4 << 20
    idempotency_seconds: Annotated[
        Seconds, Meta(description="How long an answer to an Idempotency-Key is kept; 0 ignores the header.")
    ] = 86_400.0
    idempotency_without_store: Annotated[
        Literal["open", "closed"],
        Meta(
            title="one of open, closed",
            description="What requests with an Idempotency-Key do while Redis is down: each process keeps its own "
            "calls only, so that a request may be made twice, or they are refused.",
        ),
    ] = "open"
    reattach_seconds: Annotated[
        Seconds,
        Meta(description="How long a call with an Idempotency-Key goes on when nobody is listening any more."),
    ] = 10.0


class Echo(Struct, frozen=True):
    """The built-in provider."""

    pace_ms: Annotated[Milliseconds, Meta(description="Pause between two events of a stream.")] = 0


class Settings(Struct, frozen=True):
    """All settings. A member is a section of penstock.toml."""

    server: Server = Server()
    upstream: Upstream = Upstream()
    providers: Providers = Providers()
    security: Security = Security()
    routing: Routing = Routing()
    cache: Cache = Cache()
    store: Store = Store()
    limits: Limits = Limits()
    admin: Admin = Admin()
    metrics: Metrics = Metrics()
    logs: Logs = Logs()
    console: Console = Console()
    telemetry: Telemetry = Telemetry()
    alerts: Alerts = Alerts()
    echo: Echo = Echo()
    guards: Guards = Guards()
    ids: Ids = Ids()
    responses: Responses = Responses()
    realtime: Realtime = Realtime()

    def without_database(self) -> Settings:
        """The settings of a gateway that serves one command of the terminal."""
        return structs.replace(self, store=Store(database="none"))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the gateway."""
        host = self.server.host
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def lends_keys(self) -> bool:
        """Whether callers without a key may use the operator's own from the environment."""
        return self.is_loopback if self.providers.env_keys is None else self.providers.env_keys

    @property
    def guarded_hosts(self) -> tuple[str, ...]:
        """The private hosts that callers with any gateway key may name, as ``core.address.AddressPolicy`` wants them:
        loopback does not stand for one person any more."""
        return () if self.security.trusted_hosts is None else self.trusted_hosts

    @property
    def trusted_hosts(self) -> tuple[str, ...]:
        """The private hosts that saved configs may name, and callers where no gateway key is set, as
        ``core.address.AddressPolicy`` wants them."""
        hosts = self.security.trusted_hosts
        if hosts is None:
            return LOOPBACK_NAMES if self.is_loopback else ()
        return tuple(host.lower().strip("[]") for host in hosts)
