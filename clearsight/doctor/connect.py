"""What is right and wrong with Kafka Connect and the connector."""

from __future__ import annotations

import msgspec

from clearsight.doctor.finding import Away, Examination, Kind
from clearsight.restarts import Watch

CHECKS = ("connection", "plugin", "connector", "state", "settings of the connector")

ORIGIN = "transforms.origin.value.literal"
"""Which stream it is only the registration knows."""

PARTITIONER = "producer.override.partitioner.class"
_HIDDEN = ("password", "secret", "token", "jaas", "credential", "passphrase")

_BREAKS_THE_STREAM = (
    "kafka.unreachable",
    "kafka.topic-missing",
    "source.unreachable",
    "source.login",
    "source.wal-level",
    "source.slots-free",
    "source.senders-free",
    "source.role-replication",
    "source.role-schema",
    "source.role-select",
    "source.publication",
    "source.slot-kind",
    "source.slot-lost",
)
_SLOT_MISSING = "source.slot-missing"

UNREACHABLE = Kind(
    code="connect.unreachable",
    check="connection",
    what="Kafka Connect at {where} does not answer: {reason}",
    mend="start it, or correct CLEARSIGHT_CONNECT__URL",
    follows=("kafka.unreachable",),
)
_ELSEWHERE = msgspec.structs.replace(UNREACHABLE, follows=())
PLUGIN_MISSING = Kind(
    code="connect.plugin-missing",
    check="plugin",
    what="Kafka Connect has not the plugin {plugin}",
    mend="unpack debezium-connector-postgres {version} into its plugin.path and restart it",
)
PLUGIN_VERSION = Kind(
    code="connect.plugin-version",
    check="plugin",
    severity="warning",
    what="Kafka Connect has Debezium {found}; {wanted} is the version that was tried",
    mend="put debezium-connector-postgres {wanted} into its plugin.path instead and restart it",
)
CONNECTOR_MISSING = Kind(
    code="connect.connector-missing",
    check="connector",
    what="Kafka Connect has no connector {connector}: no row change is read",
    mend="run `clearsight register`",
    follows=("connect.plugin-missing",),
)
FAILED = Kind(
    code="connect.failed",
    check="state",
    what="the connector {connector} failed: {reason}",
    mend="mend that: a worker restarts it, at the latest after five minutes; at once with "
    "curl -X POST '{url}/connectors/{connector}/restart?includeTasks=true'",
    follows=("connect.plugin-missing", *_BREAKS_THE_STREAM, _SLOT_MISSING),
)
GIVEN_UP = Kind(
    code="connect.given-up",
    check="state",
    what="the connector {connector} failed again after {restarts} restarts, and no worker restarts it any more: {reason}",
    mend="mend that, then run `clearsight register`, which restarts it",
    follows=FAILED.follows,
)
_SLOT_IS_GONE = "no longer available on the server"
PAUSED = Kind(
    code="connect.paused",
    check="state",
    what="the connector {connector} is {state}: somebody stopped it",
    mend="curl -X PUT '{url}/connectors/{connector}/resume'",
)
NO_TASK = Kind(
    code="connect.no-task",
    check="state",
    what="the connector {connector} runs, and no task of it does ({state})",
    mend="wait a few seconds while Kafka Connect rebalances; then run curl -X POST "
    "'{url}/connectors/{connector}/restart?includeTasks=true'",
    follows=("connect.plugin-missing", *_BREAKS_THE_STREAM),
)
SETTING = Kind(
    code="connect.setting",
    check="settings of the connector",
    what="the connector's {setting} {difference}",
    mend="run `clearsight register`, which sets it",
)
PARTITIONER_SET = Kind(
    code="connect.partitioner",
    check="settings of the connector",
    what="the connector's producer partitions by {found}: rows and log lines of one key must lie where Kafka's own murmur2 "
    "puts them",
    mend="run `clearsight register`, which takes {setting} away",
)
PASSWORD_READABLE = Kind(
    code="connect.password-readable",
    check="settings of the connector",
    severity="warning",
    what="Kafka Connect keeps the source's password readable: whoever reaches {url} or its config topic can read it",
    mend="give Kafka Connect a config provider and set CLEARSIGHT_CONNECT__PASSWORD_REFERENCE, for example to "
    "${{env:CLEARSIGHT_SOURCE_PASSWORD}}, then run `clearsight register`",
)

KINDS = tuple(value for value in list(globals().values()) if isinstance(value, Kind) and value is not _ELSEWHERE)


class ConnectFacts(msgspec.Struct, frozen=True, kw_only=True):
    plugins: dict[str, str]
    """Class → version."""
    states: tuple[str, ...] | None
    """Of the connector and then of each task; None where there is no such connector."""
    reason: str | None
    """Why it failed, in one line."""
    config: dict[str, str]
    """As Kafka Connect tells it; secrets included, so never to be shown."""
    watch: Watch | None = None
    """What workers remember of its failures; None where that is not known."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    connector: str
    plugin: str
    plugin_version: str
    config: dict[str, str] | None
    """What `clearsight register` would set; None where the settings do not say enough."""


def judge(facts: ConnectFacts | Away, wanted: Wanted) -> Examination:
    found = Examination("connect", CHECKS)
    if isinstance(facts, Away):
        found.find(_ELSEWHERE if facts.misnamed else UNREACHABLE, where=facts.where, reason=facts.reason)
        found.leave("Kafka Connect does not answer")
        return found
    version = facts.plugins.get(wanted.plugin)
    if version is None:
        found.find(PLUGIN_MISSING, plugin=wanted.plugin, version=wanted.plugin_version)
    elif version != wanted.plugin_version:
        found.find(PLUGIN_VERSION, found=version, wanted=wanted.plugin_version)
    if facts.states is None:
        found.find(CONNECTOR_MISSING, connector=wanted.connector)
        found.leave(f"there is no connector {wanted.connector}", ["state", "settings of the connector"])
        return found
    _state(found, facts.states, facts, wanted)
    _settings(found, facts.config, wanted)
    return found


def _state(found: Examination, states: tuple[str, ...], facts: ConnectFacts, wanted: Wanted) -> None:
    names = {"connector": wanted.connector, "url": wanted.url}
    connector, tasks = states[0], states[1:]
    if "FAILED" in states:
        _failed(found, facts, wanted, names)
    elif connector in ("PAUSED", "STOPPED"):
        found.find(PAUSED, state=connector, **names)
    elif works(states):
        return
    elif facts.watch is not None and facts.watch.state != "running":  # a worker's restart is under way
        _failed(found, facts, wanted, names)
    else:
        found.find(NO_TASK, state=", ".join(tasks) or "there is none", **names)


def works(states: tuple[str, ...]) -> bool:
    """Whether a connector in these states reads, as far as Kafka Connect knows."""
    return states[0] == "RUNNING" and "RUNNING" in states[1:] and "FAILED" not in states


def _failed(found: Examination, facts: ConnectFacts, wanted: Wanted, names: dict[str, str]) -> None:
    remembered = facts.watch.reason if facts.watch else None
    reason = _without_password(facts.reason or remembered or "no reason given", wanted)
    given_up = facts.watch is not None and facts.watch.state == "given_up"
    kind = GIVEN_UP if given_up else FAILED
    if _SLOT_IS_GONE not in reason:  # it made none yet: the slot is missing for this reason
        kind = msgspec.structs.replace(kind, follows=kind.follows[:-1])
    found.find(kind, reason=reason, restarts=facts.watch.restarts if facts.watch else 0, **names)


def _without_password(reason: str, wanted: Wanted) -> str:
    password = (wanted.config or {}).get("database.password")
    return reason.replace(password, "…") if password else reason


def _settings(found: Examination, config: dict[str, str], wanted: Wanted) -> None:
    if wanted.config is None:
        found.leave("the settings do not say what it should be", ["settings of the connector"])
        return
    if config.get(PARTITIONER):
        found.find(PARTITIONER_SET, found=config[PARTITIONER], setting=PARTITIONER)
    for setting in sorted({*config, *wanted.config} - {"name", PARTITIONER}):
        is_, should = config.get(setting), wanted.config.get(setting)
        if is_ != should and not (setting == ORIGIN and is_ and should):
            found.find(SETTING, setting=setting, difference=difference(setting, is_, should))
    password = wanted.config.get("database.password", "")
    if password and not password.startswith("${"):
        found.find(PASSWORD_READABLE, url=wanted.url)


def difference(setting: str, found: str | None, wanted: str | None) -> str:
    """In words, and without the values where they may be secret."""
    if found is None:
        return "is not set" if is_secret(setting) else f"is not set, should be {wanted}"
    if wanted is None:
        return "should not be set" if is_secret(setting) else f"is {found}, should not be set"
    return "is another than in the settings" if is_secret(setting) else f"is {found}, should be {wanted}"


def is_secret(setting: str) -> bool:
    return any(word in setting.lower() for word in _HIDDEN)
