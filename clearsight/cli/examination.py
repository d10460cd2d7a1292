"""Who looks at what: each area's observer and its rules, all at once and within a time limit."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import msgspec
import psycopg
from confluent_kafka import KafkaException
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from clearsight.addresses import dsn_problem, without_login
from clearsight.cli.api_facts import observe_api
from clearsight.doctor import api, catalogue, cloudwatch, connect, kafka, source
from clearsight.doctor import report as reporting
from clearsight.doctor import settings as setting_rules
from clearsight.doctor.bounded import all_within
from clearsight.doctor.finding import Examination, Report, report
from clearsight.doctor.source_facts import Wanted
from clearsight.errors import ClearSightError
from clearsight.login import first_line
from clearsight.mapping import Mapping
from clearsight.settings import Settings
from clearsight.stack.versions import DEBEZIUM
from clearsight.topics import TopicNames
from clearsight.version import VERSION
from connectors.cloudwatch.group_facts import observe_cloudwatch
from connectors.debezium import origin
from connectors.debezium.connect_facts import PLUGIN, observe_connect
from connectors.debezium.register import connector_config
from connectors.debezium.source_facts import observe_source
from connectors.kafka_facts import observe_kafka
from connectors.topics import wanted_topics
from sql.connector_watch import observe_watch
from sql.report_facts import observe_report

TIME_LIMIT_S = 8.0
MAPPING_LIMIT_S = 1.5
LAG_LIMIT_S = 60.0
SILENCE_LIMIT_S = 30.0

_NEEDED = {"source": ("source.dsn",), "connect": ("source.dsn",), "report": ("report.writer_dsn", "report.api_dsn")}


class Limits(NamedTuple):
    """`whole_s` is for everything together, `lag_s` how long a record may wait for a worker, `silence_s` how long the
    forwarder may write no checkpoint beyond the interval of its settings."""

    whole_s: float = TIME_LIMIT_S
    lag_s: float = LAG_LIMIT_S
    silence_s: float = SILENCE_LIMIT_S


Question = Callable[[], Examination]


def examine(
    settings: Settings,
    areas: Collection[str] = catalogue.AREAS,
    limits: Limits = Limits(),  # noqa: B008 - a constant
    answered: Callable[[str], None] = lambda area: None,
) -> Report:
    """Look at these areas, and always at the settings. `answered` is told of each that is through. Raises nothing."""
    dsns = connection_strings(settings)
    states = {name: _state(dsn) for name, dsn in dsns.items()}
    mapping, problem = read_mapping(settings)
    needed = tuple(dict.fromkeys(name for area in areas for name in _NEEDED.get(area, ())))
    first = setting_rules.judge(states, _logins(dsns, states), needed, problem)
    usable = {name: dsn.get_secret_value() for name, dsn in dsns.items() if dsn and states[name] == ""}
    asked = {
        area: question for area, question in _questions(settings, mapping, usable, limits).items() if area in areas
    }
    return report([first, *run(asked, limits.whole_s, answered)])


def run(questions: dict[str, Question], limit_s: float, answered: Callable[[str], None]) -> list[Examination]:
    """The examinations in the given order; an area that hangs or breaks is a finding of its own."""
    return [
        answer if isinstance(answer, Examination) else _unexamined(area, answer)
        for area, answer in all_within(limit_s, questions, answered).items()
    ]


def unreadable(error: ClearSightError) -> Report:
    """Where the settings themselves cannot be read."""
    others = [Examination(area, checks) for area, checks in catalogue.CHECKS.items() if area != "settings"]
    for each in others:
        each.leave("the settings cannot be read")
    return report([setting_rules.unreadable(error.message, error.mend), *others])


def connection_strings(settings: Settings) -> dict[str, SecretStr | None]:
    """By the setting's name."""
    return {
        "source.dsn": settings.source.dsn,
        "source.admin_dsn": settings.source.admin_dsn,
        "report.owner_dsn": settings.report.owner_dsn,
        "report.writer_dsn": settings.report.writer_dsn,
        "report.api_dsn": settings.report.api_dsn,
        "demo.dsn": settings.demo.dsn,
    }


def _questions(
    settings: Settings, mapping: Mapping | None, dsns: dict[str, str], limits: Limits
) -> dict[str, Question]:
    return {
        "source": lambda: _source(settings, mapping, dsns.get("source.dsn")),
        "kafka": lambda: _kafka(settings, mapping, limits),
        "connect": lambda: _connect(settings, mapping if "source.dsn" in dsns else None, dsns.get("report.api_dsn")),
        "report": lambda: _report({name.split(".")[1][:-4]: dsn for name, dsn in dsns.items() if name[:6] == "report"}),
        "cloudwatch": lambda: cloudwatch.judge(observe_cloudwatch(settings.cloudwatch), settings.cloudwatch.region),
        "api": lambda: api.judge(observe_api(settings.api.url), VERSION),
    }


def _source(settings: Settings, mapping: Mapping | None, dsn: str | None) -> Examination:
    if mapping is None or dsn is None:
        because = "the mapping file cannot be read" if mapping is None else "source.dsn cannot be used"
        return _left("source", because)
    connector = f"{without_login(settings.connect.url)}/connectors/{settings.connect.connector_name}"
    names = (settings.source.publication, settings.source.slot, connector, settings.kafka.topic_prefix)
    wanted = Wanted(mapping, *names)
    return source.judge(observe_source(dsn, settings.source, mapping), wanted)


def _kafka(settings: Settings, mapping: Mapping | None, limits: Limits) -> Examination:
    if mapping is None:
        return _left("kafka", "the mapping file cannot be read")
    wanted = wanted_topics(settings.kafka, mapping.tables(), settings.worker.group_id, limits.lag_s)
    silence_s = limits.silence_s + settings.forwarder.state_interval_ms / 1000
    wanted = msgspec.structs.replace(wanted, silence_limit_s=silence_s)
    consumed = TopicNames(settings.kafka.topic_prefix).consumed(mapping.tables())
    return kafka.judge(observe_kafka(wanted, consumed), wanted)


def _connect(settings: Settings, mapping: Mapping | None, report_dsn: str | None) -> Examination:
    wanted = connect.Wanted(
        url=without_login(settings.connect.url),
        connector=settings.connect.connector_name,
        plugin=PLUGIN,
        plugin_version=DEBEZIUM,
        config=connector_config(settings, mapping) | origin.settings(origin.UNKNOWN) if mapping else None,
    )
    facts = observe_connect(settings.connect)
    if report_dsn and isinstance(facts, connect.ConnectFacts) and facts.states and not connect.works(facts.states):
        watch = observe_watch(report_dsn, settings.connect.connector_name)
        facts = msgspec.structs.replace(facts, watch=watch)
    return connect.judge(facts, wanted)


def _report(dsns: dict[str, str]) -> Examination:
    if not dsns:
        return _left("report", "no connection string of it can be used")
    return reporting.judge(observe_report(dsns))


def _left(area: str, because: str) -> Examination:
    found = Examination(area, catalogue.CHECKS[area])
    found.leave(because)
    return found


def _unexamined(area: str, error: BaseException) -> Examination:
    """Only of errors whose words are known to hold no secret are the words said."""
    reason = type(error).__name__
    if isinstance(error, TimeoutError | psycopg.Error | KafkaException | ClearSightError):
        reason = first_line(error)
    found = Examination(area, catalogue.CHECKS[area])
    found.find(catalogue.UNEXAMINED, area=area, reason=reason)
    found.leave(reason)
    return found


def read_mapping(settings: Settings) -> tuple[Mapping | None, tuple[str, str] | None]:
    """The mapping, or what is wrong with its file and the mend. A pipe or a share that hangs is not waited for."""
    answer = all_within(MAPPING_LIMIT_S, {"mapping": lambda: settings.mapping})["mapping"]
    if isinstance(answer, Mapping):
        return answer, None
    if isinstance(answer, ClearSightError):
        return None, (answer.message, answer.mend)
    if isinstance(answer, TimeoutError):
        problem = f"{settings.mapping_file}: could not be read within {MAPPING_LIMIT_S:.1f} s"
        return None, (problem, "name a plain file on a disk that answers in CLEARSIGHT_MAPPING_FILE")
    raise answer


def _state(dsn: SecretStr | None) -> setting_rules.State:
    return None if dsn is None else dsn_problem(dsn.get_secret_value()) or ""


def _logins(dsns: dict[str, SecretStr | None], states: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """User and password of each connection string."""
    parts = {name: conninfo_to_dict(dsn.get_secret_value()) for name, dsn in dsns.items() if dsn and states[name] == ""}
    return {name: (str(each.get("user") or ""), str(each.get("password") or "")) for name, each in parts.items()}
