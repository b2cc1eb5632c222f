"""The settings: `PICLOUD_*` variables, then `picloud.toml`, then the default.

Only this module reads the environment. `load` checks every value and reports all faults at once;
`Settings(...)` built by hand, as tests do, derives the same paths.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from picloud import config_places
from picloud import config_values as values
from picloud.config_values import Parser, Secret
from picloud.domain.deletion import DeletionRules
from picloud.domain.limits import KIB, MIB, MOST_MEMORY_MB, Limits
from picloud.domain.quota import DEFAULTS, HIGHEST, Quota
from picloud.errors import Expected

PREFIX: Final = "PICLOUD_"
CONFIG_VARIABLE: Final = "PICLOUD_CONFIG"
CONFIG_FILE: Final = "picloud.toml"
_DERIVED: Final = Path()


class ConfigError(Expected):
    """The settings are not usable."""

    code = "config_invalid"

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


def _quota(quota: Quota) -> Any:
    default, about = DEFAULTS[quota]
    return field(default=default, metadata=_about(about, values.integer(0, HIGHEST)))


def _about(text: str, parse: Parser, *, secret: bool = False) -> dict[str, Any]:
    return {"help": text, "parse": parse, "secret": secret}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, checked. An empty path or listen address is derived from the others."""

    data_dir: Path = field(metadata=_about("where all data are kept", values.path))
    run_dir: Path = field(
        default=_DERIVED, metadata=_about("where the unix sockets are", values.path)
    )
    cache_dir: Path = field(
        default=_DERIVED, metadata=_about("where memory snapshots are kept", values.path)
    )
    host: str = field(
        default="127.0.0.1", metadata=_about("the address Caddy listens on", values.text)
    )
    port: int = field(
        default=8080, metadata=_about("the port Caddy listens on", values.integer(1, 65535))
    )
    base_domain: str = field(
        default="localhost", metadata=_about("apps answer at {app}.{base_domain}", values.domain)
    )
    database_url: Secret | None = field(
        default=None,
        metadata=_about(
            "a PostgreSQL server; unset: the embedded one", values.database_url, secret=True
        ),
    )
    owner_email: str = field(
        default="owner@localhost",
        metadata=_about("the owner's log-in, made at the first start", values.email),
    )
    owner_password: Secret | None = field(
        default=None,
        metadata=_about(
            "the owner's password at the first start; unset: generated and printed once",
            values.secret,
            secret=True,
        ),
    )
    public_url: str = field(
        default="",
        metadata=_about(
            "where people reach the platform; unset: http://{base_domain}:{port}", values.origin
        ),
    )
    login_tries_per_account: int = field(
        default=10,
        metadata=_about("log-ins tried in 10 minutes at an account", values.integer(1, 10_000)),
    )
    login_tries_per_address: int = field(
        default=100,
        metadata=_about("log-ins tried in 10 minutes from an address", values.integer(1, 100_000)),
    )
    login_tries: int = field(
        default=2_000,
        metadata=_about("log-ins tried in 10 minutes altogether", values.integer(1, 1_000_000)),
    )
    invitation_hours: int = field(
        default=168, metadata=_about("how long an invitation holds", values.integer(1, 8_760))
    )
    password_reset_hours: int = field(
        default=24, metadata=_about("how long a password reset holds", values.integer(1, 720))
    )
    oidc_issuer: str | None = field(
        default=None,
        metadata=_about("an OpenID Connect issuer people may log in with", values.issuer),
    )
    oidc_client_id: str | None = field(
        default=None, metadata=_about("what the issuer calls this platform", values.text)
    )
    oidc_client_secret: Secret | None = field(
        default=None,
        metadata=_about("the secret shared with the issuer, if any", values.secret, secret=True),
    )
    oidc_scopes: str = field(
        default="openid email", metadata=_about("what the issuer is asked for", values.scopes)
    )
    oidc_create_users: bool = field(
        default=False,
        metadata=_about("make accounts for unknown people the issuer vouches for", values.boolean),
    )
    oidc_domains: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            "the e-mail domains of accounts made so, by commas; unset: any", values.domains
        ),
    )
    manager_listen: str = field(
        default="", metadata=_about("where the manager listens", values.listen)
    )
    node_listen: str = field(default="", metadata=_about("where the node listens", values.listen))
    default_timeout_ms: int = field(
        default=10_000,
        metadata=_about("wall time of an invocation", values.integer(1, 86_400_000)),
    )
    max_timeout_ms: int = field(
        default=300_000,
        metadata=_about("the longest wall time a script may ask", values.integer(1, 86_400_000)),
    )
    max_cpu_ms: int = field(
        default=300_000,
        metadata=_about("the most processor time of an invocation", values.integer(1, 86_400_000)),
    )
    max_stream_ms: int = field(
        default=300_000,
        metadata=_about("the longest a streamed answer may take", values.integer(1, 86_400_000)),
    )
    default_memory_mb: int = field(
        default=128,
        metadata=_about("memory of a script, in MB", values.integer(64, MOST_MEMORY_MB)),
    )
    max_memory_mb: int = field(
        default=512,
        metadata=_about("the most memory a script may ask", values.integer(64, MOST_MEMORY_MB)),
    )
    max_request_bytes: int = field(
        default=10 * MIB,
        metadata=_about("the largest request body", values.size(1, 1024 * MIB)),
    )
    max_response_bytes: int = field(
        default=10 * MIB,
        metadata=_about("the largest answer body", values.size(1, 1024 * MIB)),
    )
    max_header_bytes: int = field(
        default=64 * KIB,
        metadata=_about("the most headers of a request or an answer", values.size(KIB, MIB)),
    )
    max_log_bytes: int = field(
        default=4 * MIB,
        metadata=_about("the most log text a script may keep", values.size(0, 64 * MIB)),
    )
    max_log_line_bytes: int = field(
        default=64 * KIB,
        metadata=_about("the longest log line a script may keep", values.size(256, MIB)),
    )
    max_concurrency: int = field(
        default=256,
        metadata=_about("the most invocations one sandbox interleaves", values.integer(1, 1000)),
    )
    max_rate_per_second: int = field(
        default=0,
        metadata=_about("requests per second of a script; 0: any", values.integer(0, 1_000_000)),
    )
    max_open_responses: int = field(
        default=256,
        metadata=_about("the most streamed answers open at once", values.integer(1, 10_000)),
    )
    source_bytes: int = field(
        default=MIB, metadata=_about("the largest source of a script", values.size(1, 2 * MIB))
    )
    bundle_bytes: int = field(
        default=4 * MIB,
        metadata=_about("all files of one script together", values.size(1, 32 * MIB)),
    )
    bundle_files: int = field(
        default=500, metadata=_about("files of one script", values.integer(1, 10_000))
    )
    blank_sandboxes: int = field(
        default=1,
        metadata=_about("sandboxes kept ready for a new script", values.integer(0, 64)),
    )
    max_sandboxes: int = field(
        default=16, metadata=_about("sandboxes of this machine", values.integer(1, 1024))
    )
    max_sandboxes_per_script: int = field(
        default=os.cpu_count() or 1,
        metadata=_about("sandboxes one script may use here", values.integer(1, 1024)),
    )
    sandbox_memory_mb: int = field(
        default=0,
        metadata=_about(
            "memory of all sandboxes of this machine; 0: 60 % of what it has",
            values.integer(0, 16_777_216),
        ),
    )
    sandbox_max_invocations: int = field(
        default=100_000,
        metadata=_about("invocations after which a sandbox is replaced", values.integer(1, 10**9)),
    )
    sandbox_max_growth_mb: int = field(
        default=64,
        metadata=_about(
            "growth in MB after which a sandbox is replaced", values.integer(1, 1_000_000)
        ),
    )
    sandbox_idle_seconds: int = field(
        default=600,
        metadata=_about(
            "after which an unused sandbox is ended; 0: never", values.integer(0, 31_536_000)
        ),
    )
    queue_size: int = field(
        default=1000,
        metadata=_about("requests that may wait for one script", values.integer(0, 100_000)),
    )
    queue_timeout_ms: int = field(
        default=5000,
        metadata=_about("how long a request waits for a sandbox", values.integer(0, 600_000)),
    )
    auth_failures_per_minute: int = field(
        default=30,
        metadata=_about(
            "wrong credentials of one address that an app checks", values.integer(1, 100_000)
        ),
    )
    max_calls_per_sandbox: int = field(
        default=16,
        metadata=_about("calls of one sandbox served at a time", values.integer(1, 256)),
    )
    calls_per_second: int = field(
        default=100,
        metadata=_about("calls of one sandbox per second", values.integer(1, 100_000)),
    )
    egress_allow: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            "what scripts may reach beyond the internet: ranges and host:port, by commas",
            values.allowances,
        ),
    )
    egress_timeout_ms: int = field(
        default=30_000,
        metadata=_about("the longest a fetch of a script takes", values.integer(1, 600_000)),
    )
    egress_connect_ms: int = field(
        default=5_000,
        metadata=_about("the longest a fetch waits for a connection", values.integer(1, 600_000)),
    )
    egress_request_bytes: int = field(
        default=10 * MIB,
        metadata=_about("bodies a sandbox sends at a time", values.size(0, 1024 * MIB)),
    )
    egress_response_bytes: int = field(
        default=10 * MIB,
        metadata=_about("the largest body a fetch brings", values.size(0, 1024 * MIB)),
    )
    egress_header_bytes: int = field(
        default=65_536,
        metadata=_about("the largest headers a fetch brings", values.size(1024, 98_304)),
    )
    egress_parallel: int = field(
        default=64,
        metadata=_about("fetches of this machine at a time", values.integer(1, 10_000)),
    )
    max_query_cost: int = field(
        default=20_000,
        metadata=_about("values a GraphQL answer may hold", values.integer(100, 10_000_000)),
    )
    max_query_depth: int = field(
        default=15,
        metadata=_about("fields inside one another in a GraphQL query", values.integer(5, 100)),
    )
    query_timeout_ms: int = field(
        default=30_000,
        metadata=_about("the longest a GraphQL query runs", values.integer(1, 600_000)),
    )
    max_sockets_per_user: int = field(
        default=20,
        metadata=_about("websockets of a user at a time", values.integer(1, 10_000)),
    )
    max_subscriptions_per_socket: int = field(
        default=50,
        metadata=_about("operations of a websocket at a time", values.integer(1, 10_000)),
    )
    max_subscriptions_per_user: int = field(
        default=200,
        metadata=_about("websocket operations of a user at a time", values.integer(1, 100_000)),
    )
    quota_scripts: int = _quota(Quota.SCRIPTS)
    quota_source_mb: int = _quota(Quota.SOURCE_MB)
    quota_routes: int = _quota(Quota.ROUTES)
    quota_members: int = _quota(Quota.MEMBERS)
    quota_tokens: int = _quota(Quota.TOKENS)
    quota_env_variables: int = _quota(Quota.ENV_VARIABLES)
    quota_secrets: int = _quota(Quota.SECRETS)
    quota_former_names: int = _quota(Quota.FORMER_NAMES)
    max_apps_per_user: int = field(
        default=100,
        metadata=_about("apps one user may create", values.integer(0, 1_000_000)),
    )
    undo_days: int = field(
        default=7,
        metadata=_about("how long a deletion can be undone", values.integer(1, 365)),
    )
    name_rest_days: int = field(
        default=90,
        metadata=_about("how long nobody gets a purged app's name", values.integer(0, 3650)),
    )
    drain_seconds: int = field(
        default=10,
        metadata=_about("time in-flight invocations get at a stop", values.integer(0, 600)),
    )
    key_file: Path = field(
        default=_DERIVED,
        metadata=_about("the key that seals the secrets; the same on every machine", values.path),
    )
    snapshot: Path | None = field(
        default=None,
        metadata=_about("the memory snapshot sandboxes boot from; unset: a full boot", values.path),
    )
    loader: str = field(
        default="own",
        metadata=_about("how Pyodide is booted: own, or stock should that fail", values.loader),
    )
    allow_weak_isolation: bool = field(
        default=False,
        metadata=_about("start though an isolation layer is missing", values.boolean),
    )

    def __post_init__(self) -> None:
        if self.run_dir == _DERIVED:
            object.__setattr__(self, "run_dir", config_places.default_run_dir(self.data_dir))
        if self.cache_dir == _DERIVED:
            object.__setattr__(self, "cache_dir", self.data_dir / "cache")
        if not self.public_url:
            object.__setattr__(self, "public_url", f"http://{self.base_domain}:{self.port}")
        if self.key_file == _DERIVED:
            object.__setattr__(self, "key_file", self.data_dir / "keys" / "secrets.key")
        for name in ("manager", "node"):
            if not getattr(self, f"{name}_listen"):
                address = f"unix:{self.run_dir / name}.sock"
                object.__setattr__(self, f"{name}_listen", address)

    @property
    def quotas(self) -> dict[Quota, int]:
        """What an app may have that has no quotas of its own."""
        return {quota: getattr(self, f"quota_{quota.value}") for quota in Quota}

    @property
    def deletion_rules(self) -> DeletionRules:
        """What becomes of what is deleted."""
        return DeletionRules(
            undo=timedelta(days=self.undo_days), name_rest=timedelta(days=self.name_rest_days)
        )

    @property
    def max_upload(self) -> int:
        """Bytes of the largest source as JSON: texts escaped up to three times, files as base64."""
        files = self.bundle_bytes * 4 // 3 + 1024 * self.bundle_files  # with their paths
        return max(3 * self.source_bytes, files)

    @property
    def ceilings(self) -> Limits:
        """The most a script may ask of each limit."""
        return Limits(
            timeout_ms=self.max_timeout_ms,
            cpu_ms=self.max_cpu_ms,
            memory_mb=self.max_memory_mb,
            request_bytes=self.max_request_bytes,
            response_bytes=self.max_response_bytes,
            header_bytes=self.max_header_bytes,
            log_bytes=self.max_log_bytes,
            log_line_bytes=self.max_log_line_bytes,
            concurrency=self.max_concurrency,
            sandboxes=self.max_sandboxes_per_script,
            rate_per_second=self.max_rate_per_second,
            open_responses=self.max_open_responses,
            stream_idle_ms=self.max_stream_ms,
        )

    @property
    def default_limits(self) -> Limits:
        """What a script has that asks for nothing."""
        asked = Limits(
            timeout_ms=self.default_timeout_ms,
            cpu_ms=self.default_timeout_ms,
            memory_mb=self.default_memory_mb,
        )
        return asked.cut(self.ceilings)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """The settings of this process; `ConfigError` names every fault."""
        return load(environ).settings

    def to_environ(self) -> dict[str, str]:
        """The variables that give a child process these very settings."""
        return {
            variable(item.name): _as_text(value)
            for item in dataclasses.fields(self)
            if (value := getattr(self, item.name)) is not None
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Settings, where each came from, and what to warn of."""

    settings: Settings
    sources: Mapping[str, str]
    warnings: tuple[str, ...]


def inherited_environ(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment for a child that gets its settings, and its Python, from us."""
    environ = os.environ if environ is None else environ
    return {k: v for k, v in environ.items() if not k.startswith((PREFIX, "PYTHON"))}


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def load(environ: Mapping[str, str] | None = None, *, cwd: Path | None = None) -> Loaded:
    """Read and check all settings; raises `ConfigError` with every fault."""
    environ = os.environ if environ is None else environ
    cwd = Path.cwd() if cwd is None else cwd
    faults: list[str] = []
    given: dict[str, object] = {"data_dir": config_places.default_data_dir(environ)}
    given["cache_dir"] = config_places.default_cache_dir(environ)
    sources: dict[str, str] = {}
    file, table = _read_file(environ, cwd, faults)
    for item in dataclasses.fields(Settings):
        name = variable(item.name)
        if name in environ:
            raw, source, base = environ[name], name, cwd
        elif item.name in table:
            raw, source, base = _as_text(table[item.name]), f"{item.name} in {file}", file.parent
        else:
            sources[item.name] = "default"
            continue
        try:
            value = item.metadata["parse"](raw)
        except ValueError as fault:
            faults.append(f"{source} {fault}")
            continue
        given[item.name] = base / value if isinstance(value, Path) else value
        sources[item.name] = source
    if faults:
        raise ConfigError(faults)
    settings = Settings(**given)  # type: ignore[arg-type]  # each parser gives its field's type
    _check_together(settings)
    return Loaded(settings=settings, sources=sources, warnings=_unknown_variables(environ))


def _read_file(
    environ: Mapping[str, str], cwd: Path, faults: list[str]
) -> tuple[Path, dict[str, Any]]:
    named = environ.get(CONFIG_VARIABLE)
    file = cwd / Path(named).expanduser() if named else cwd / CONFIG_FILE
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        if named:
            faults.append(f"{CONFIG_VARIABLE} names {file}, which does not exist")
        return file, {}
    except (OSError, ValueError) as fault:
        faults.append(f"{file} cannot be read: {fault}")
        return file, {}
    known = [item.name for item in dataclasses.fields(Settings)]
    for name, value in table.items():
        if name not in known:
            faults.append(f"{file} has an unknown setting {name}{_nearest(name, known)}")
        elif not isinstance(value, str | int | bool):
            faults.append(f"{name} in {file} must be a text, a number or true or false")
    usable = {k: v for k, v in table.items() if k in known and isinstance(v, str | int | bool)}
    return file, usable


def _check_together(settings: Settings) -> None:
    faults = []
    if settings.default_timeout_ms > settings.max_timeout_ms:
        faults.append("PICLOUD_DEFAULT_TIMEOUT_MS must not exceed PICLOUD_MAX_TIMEOUT_MS")
    if settings.default_memory_mb > settings.max_memory_mb:
        faults.append("PICLOUD_DEFAULT_MEMORY_MB must not exceed PICLOUD_MAX_MEMORY_MB")
    if (settings.oidc_issuer is None) != (settings.oidc_client_id is None):
        faults.append("PICLOUD_OIDC_ISSUER and PICLOUD_OIDC_CLIENT_ID go together")
    if settings.blank_sandboxes > settings.max_sandboxes:
        faults.append("PICLOUD_BLANK_SANDBOXES must not exceed PICLOUD_MAX_SANDBOXES")
    if not config_places.holds_sockets(settings.run_dir):
        faults.append(f"PICLOUD_RUN_DIR is too long for a unix socket: {settings.run_dir}")
    if faults:
        raise ConfigError(faults)


def _unknown_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    known = [variable(item.name) for item in dataclasses.fields(Settings)]
    return tuple(
        f"{name} is not a setting{_nearest(name, known)}"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in (*known, CONFIG_VARIABLE)
    )


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _as_text(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value)
