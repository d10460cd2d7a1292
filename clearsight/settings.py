"""All settings, resolved once and passed in.

Precedence: environment (`CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS=…`) over `.clearsight/stack.json` (what `clearsight up`
wrote about the local stack) over the defaults here. Times carry their unit in the name. Connection strings are secrets.
"""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from clearsight.addresses import require_dsn, url_problem, without_login
from clearsight.errors import ConfigurationError
from clearsight.log_groups import is_prefix, log_group
from clearsight.mapping import Mapping
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping

HOME_VARIABLE = "CLEARSIGHT_HOME"
STACK_FILE = "stack.json"


def home() -> Path:
    """The folder of the local stack's data, logs and state; `.clearsight` unless CLEARSIGHT_HOME says otherwise."""
    return Path(os.environ.get(HOME_VARIABLE, ".clearsight")).resolve()


def _usable_url(url: str) -> str:
    if problem := url_problem(url):
        raise PydanticCustomError("url", "{problem}", {"problem": problem})
    return url


def _without_login(url: str) -> str:
    if without_login(url) != url:
        raise PydanticCustomError("url", "must hold no user and no password: nobody would ask for them")
    return url


Url = Annotated[str, AfterValidator(_usable_url)]
"""Of a service asked by HTTP. May hold user and password, so show it only by `clearsight.addresses.without_login`."""

OpenUrl = Annotated[Url, AfterValidator(_without_login)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceSettings(Section):
    """The audited application's database."""

    dsn: SecretStr | None = Field(None, description="URL of the connector's own role: REPLICATION and SELECT only")
    admin_dsn: SecretStr | None = Field(
        None, description="URL of a role that may prepare the source; only `register --prepare` uses it"
    )
    connector_host: str | None = Field(
        None, description="host by which Kafka Connect reaches the source, where it differs"
    )
    connector_port: int | None = Field(
        None, description="port by which Kafka Connect reaches the source, where it differs"
    )
    publication: str = "clearsight"
    slot: str = "clearsight"
    role: str = "clearsight_cdc"


class KafkaSettings(Section):
    bootstrap_servers: str = "127.0.0.1:9092"
    topic_prefix: str = "clearsight"
    replication_factor: int = Field(1, ge=1)
    retention_days: int = Field(30, ge=1, description="how long the raw topics can be replayed")


class ConnectSettings(Section):
    url: Url = "http://127.0.0.1:8083"
    connector_name: str = "clearsight"
    password_reference: str | None = Field(
        None,
        pattern=r"^\$\{[^}:]+:[^}]+\}$",
        description="how Kafka Connect itself finds the password in source.dsn, through one of its config providers: "
        "${env:CLEARSIGHT_SOURCE_PASSWORD}; empty: the password is stored readable in its configuration",
    )
    poll_interval_ms: int = Field(20, ge=1)
    heartbeat_interval_ms: int = Field(1000, ge=100)
    start_timeout_s: float = 60.0
    restart_limit: int = Field(
        10, ge=0, description="how often in a row workers restart a connector that failed; 0: never"
    )


class ReportSettings(Section):
    """The reporting database; one URL a role."""

    owner_dsn: SecretStr | None = Field(None, description="URL of the owner; only `migrate` uses it")
    writer_dsn: SecretStr | None = Field(None, description="URL of clearsight_writer; the worker uses it")
    api_dsn: SecretStr | None = Field(None, description="URL of clearsight_api; the API and the questions use it")
    bi_address: str | None = Field(
        None,
        pattern=r"^[^/\s]+/[^/\s]+$",
        description="host:port/database by which Power BI reaches it; empty: where report.api_dsn leads",
    )


class AccountSettings(Section):
    """Another AWS account whose logs are read."""

    id: str
    role_arn: str | None = Field(None, description="role that is assumed there; empty: the credentials in use")
    external_id: SecretStr | None = None
    regions: tuple[str, ...] = Field((), description="empty: cloudwatch.region")
    groups: tuple[str, ...] = Field(description="names, prefixes ending in *, or ARNs")
    endpoint_url: OpenUrl | None = Field(None, description="empty: cloudwatch.endpoint_url")


class CloudWatchSettings(Section):
    endpoint_url: OpenUrl | None = Field(None, description="empty: real AWS; else the simulator")
    region: str = "eu-west-1"
    account_id: str = "000000000000"
    groups: tuple[str, ...] = Field(
        ("/clearsight/forecast-api", "/clearsight/forecast-engine"),
        description="log groups: names, prefixes ending in *, or ARNs",
    )
    accounts: tuple[AccountSettings, ...] = Field((), description="other accounts and regions")
    clock_speed: float = Field(
        1.0, gt=0, description="how fast time runs for simulator and forwarder alike since clock_origin_ms"
    )
    clock_origin_ms: int = Field(0, ge=0, description="epoch milliseconds")

    @property
    def expected_groups(self) -> tuple[str, ...]:
        """What coverage waits for, as checkpoints call it; empty where prefixes decide which groups there are."""
        every = [(self.account_id, self.region, pattern) for pattern in self.groups]
        for account in self.accounts:
            regions = account.regions or (self.region,)
            every += [(account.id, region, pattern) for region in regions for pattern in account.groups]
        if any(is_prefix(pattern) for _, _, pattern in every):
            return ()
        found = [log_group(pattern, account, region) for account, region, pattern in every]
        return tuple(group.called(self.account_id, self.region) for group in found)


class PushSettings(Section):
    """Lines that CloudWatch pushes by subscription filters (docs/FORWARDER.md)."""

    http: bool = Field(False, description="take them at POST /push of forwarder.http_port")
    access_key: SecretStr | None = Field(
        None, min_length=16, description="what the sender must give as X-Amz-Firehose-Access-Key"
    )
    kinesis_stream: str | None = Field(None, description="name of a Kinesis data stream to read")
    kinesis_endpoint_url: OpenUrl | None = None
    cold_only: bool = Field(False, description="poll by the cold tier alone, which heals what was never pushed")

    @property
    def is_on(self) -> bool:
        """Whether lines are taken from anywhere that CloudWatch pushes them to."""
        return self.http or self.kinesis_stream is not None


class ForwarderSettings(Section):
    poll_interval_ms: int = Field(200, ge=10, description="the hot tier: how often the newest lines are read, at most")
    settle_ms: int = Field(2000, ge=0, description="how far back the hot tier reads at least")
    sweep_interval_s: float = Field(10.0, gt=0, description="the warm tier: how often it is read, at most")
    overlap_s: float = Field(30.0, gt=0, description="how far back the warm tier reads at least")
    cold_interval_s: float = Field(900.0, gt=0, description="the cold tier: how often it is read")
    cold_back_s: float = Field(
        1800.0, gt=0, description="how late a line may become visible and be found; later ones are found by verify"
    )
    tune: bool = Field(True, description="widen the tiers, and poll less often, by how late lines are seen to be")
    quota_tps: float | None = Field(
        None, gt=0, description="calls a second by account and region; empty: 4 at AWS, 100 at a simulator"
    )
    start_back_s: float = Field(14 * 86_400.0, ge=0, description="how far back the very first poll of a group goes")
    page_limit: int = Field(10_000, ge=1, le=10_000)
    delivery_timeout_s: float = 30.0
    state_interval_ms: int = Field(
        1000, ge=0, description="at most this often is a checkpoint written for a quiet group"
    )
    start_timeout_s: float = Field(30.0, gt=0, description="how long Kafka may be away at start")
    lease_s: float = Field(
        6.0, ge=6, le=300, description="how long after its last sign of life another forwarder takes over"
    )
    stop_within_s: float = Field(
        10.0,
        gt=0,
        le=10,
        description="how long SIGTERM waits for a window under way; all of the end takes 20 s at most",
    )
    http_host: str = "127.0.0.1"
    http_port: int | None = Field(
        9465, ge=0, le=65535, description="where /health, /metrics and /push answer; 0: any free port; empty: nowhere"
    )
    push: PushSettings = PushSettings()


class RedactionSettings(Section):
    """What is taken out of log lines before they reach Kafka (docs/LOGS.md)."""

    keys: tuple[str, ...] = Field((), description="names of further fields whose value is redacted whatever it is")
    patterns: dict[str, str] = Field(
        {}, description="further kinds: name of the mark → RE2 expression of what it stands for"
    )
    user_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="user ids of log lines become HMAC-SHA256 of them by this secret; empty: they stay as they are",
    )


class WorkerSettings(Section):
    group_id: str = "clearsight-worker"
    batch_max_events: int = Field(10_000, ge=2)
    batch_wait_ms: int = Field(5, ge=1, description="how long a batch waits for more after its first event")
    deadline_s: float = Field(
        900.0, gt=0, description="how long an event may wait for its context before it is unlinked"
    )
    in_step_ms: int = Field(2000, ge=0, description="how far a partition may be read ahead of the slowest one")
    undecodable_limit: float = Field(
        0.5, gt=0, le=1, description="share of undecodable records in a batch above which the worker stops"
    )
    session_timeout_ms: int = 10_000
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(
        9464, ge=0, le=65535, description="where Prometheus asks a worker; one for each on a machine; 0: any free one"
    )
    database_retry_s: float = Field(
        60.0, gt=0, description="how long a batch is tried again while the reporting database is away"
    )


class ApiSettings(Section):
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    public_url: str | None = Field(
        None, description="the address by which people reach the API; empty: made of host and port"
    )
    auth: Literal["off", "keys"] = Field(
        "off", description="keys: every question needs an API key; off: development mode, on the loopback only"
    )
    allow_unauthenticated: bool = Field(
        False,
        description="listen on another address than loopback although authentication is off: in a container whose port is "
        "published on 127.0.0.1 alone",
    )
    key_cache_s: float = Field(5.0, ge=0, description="how long a key that was found is believed; a revoked one, too")
    heavy_questions: int = Field(
        2, ge=1, description="questions over whole periods that run at once; others get 429 and Retry-After"
    )
    fresh_within_s: float | None = Field(
        None, gt=0, description="/health/ready fails where the newest change that landed is older; empty: it only tells"
    )
    cors_origins: tuple[str, ...] = Field((), description="origins whose pages may ask; empty: none")
    pool_size: int = Field(8, ge=1, description="connections to the reporting database")
    pool_wait_s: float = Field(5.0, gt=0, description="how long a question waits for a free connection")
    statement_timeout_s: float = Field(10.0, gt=0, description="the database stops a question after this long")
    cursor_secret: SecretStr | None = Field(
        None, description="signs paging cursors; empty: derived from report.api_dsn, so that all API processes agree"
    )

    @property
    def url(self) -> str:
        """Where this machine's programs reach it."""
        return f"http://{self.host}:{self.port}"

    @property
    def own_names(self) -> frozenset[str]:
        """Host names under which this machine's programs and people reach it."""
        names = ("localhost", "127.0.0.1", "::1", self.host, urlsplit(self.link_base).hostname or "")
        return frozenset(name.lower() for name in names if name)

    @property
    def link_base(self) -> str:
        """What links for people begin with."""
        return (self.public_url or self.url).rstrip("/")


class DemoSettings(Section):
    dsn: SecretStr | None = Field(None, description="URL of the demo application's own role in the source database")


class _StackFile(PydanticBaseSettingsSource):
    """What the local stack wrote about itself."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # pragma: no cover - unused hook
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        path = home() / STACK_FILE
        try:
            settings = json.loads(path.read_text())["settings"]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError) as error:
            raise ConfigurationError(
                f"{path}: not readable as the stack's state ({type(error).__name__})",
                "run `clearsight down --purge` and `clearsight up`",
            ) from error
        return _of_its_own_source(dict(settings))


def _of_its_own_source(settings: dict[str, Any]) -> dict[str, Any]:
    """The stack's Kafka Connect knows the password of the stack's own source, and of no other one."""
    if os.environ.get("CLEARSIGHT_SOURCE__DSN"):
        connect = {name: value for name, value in settings.get("connect", {}).items() if name != "password_reference"}
        settings["connect"] = connect
    return settings


class Settings(BaseSettings):
    """The whole tree. Frozen; make a changed one with `model_copy(update=…)`."""

    model_config = SettingsConfigDict(
        env_prefix="CLEARSIGHT_", env_nested_delimiter="__", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    source: SourceSettings = SourceSettings()
    kafka: KafkaSettings = KafkaSettings()
    connect: ConnectSettings = ConnectSettings()
    report: ReportSettings = ReportSettings()
    cloudwatch: CloudWatchSettings = CloudWatchSettings()
    forwarder: ForwarderSettings = ForwarderSettings()
    redaction: RedactionSettings = RedactionSettings()
    worker: WorkerSettings = WorkerSettings()
    api: ApiSettings = ApiSettings()
    demo: DemoSettings = DemoSettings()
    mapping_file: Path | None = Field(None, description="clearsight.toml of your application; empty: the demo's")
    log_level: str = "INFO"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _StackFile(settings_cls)

    @cached_property
    def mapping(self) -> Mapping:
        """The parsed mapping file. Raises MappingError with the key and the line."""
        return load_mapping(self.mapping_file or DEFAULT_MAPPING)


def load_settings() -> Settings:
    """The settings of this process. Raises ConfigurationError that names the variable and what was wrong with it."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "CLEARSIGHT_" + "__".join(str(part).upper() for part in first["loc"])
        raise ConfigurationError(f"{name}: {first['msg']}", _how_to_write(name, first["type"])) from None
    except SettingsError:
        if unread := _not_json():
            problem = f"is no JSON {'list' if '__' in unread else 'object'}"
            raise ConfigurationError(f"{unread}: {problem}", _how_to_write(unread, "json")) from None
        raise


def _how_to_write(name: str, problem: str) -> str:
    section = name.removeprefix("CLEARSIGHT_").lower()
    if section in Settings.model_fields and problem in ("json", "model_type", "model_attributes_type"):
        return f"write a variable for each setting instead, as {name}__…, and unset {name}"
    if problem in ("json", "tuple_type"):
        return f"""write {name} as a JSON list: '["/first", "/second"]'"""
    return f"correct {name} in the environment"


def _not_json() -> str | None:
    """The variable that must hold JSON and does not; pydantic does not tell which."""
    for name, value in os.environ.items():
        alone = EnvSettingsSource(Settings)
        alone.env_vars = {name.lower(): value}
        try:
            alone()
        except SettingsError:
            return name.upper()
    return None


def required(dsn: SecretStr | None, name: str) -> str:
    """The secret's value. Raises ConfigurationError naming the variable where it is not set or cannot be used."""
    variable = f"CLEARSIGHT_{name.upper().replace('.', '__')}"
    if dsn is None:
        raise ConfigurationError(f"{name} is not set", f"set {variable}, or start the local stack with `clearsight up`")
    return require_dsn(dsn.get_secret_value(), variable)
