"""Names of tables: what the mapping file can say, and which topic Debezium makes of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from clearsight.mapping_file import parse_mapping
from clearsight.settings import Settings, SourceSettings
from clearsight.tables import TableName
from clearsight.topics import TopicNames, clashes, topics
from connectors.debezium.register import connector_config

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "schema", "name"),
    [
        ("app.plan", "app", "plan"),
        ("Planung.Ausführung", "Planung", "Ausführung"),
        ('app."my.table"', "app", "my.table"),
        ('"my schema"."quo""te"', "my schema", 'quo"te'),
        ('app.quo"te', "app", 'quo"te'),
        ('"app"."plan"', "app", "plan"),
    ],
)
def test_names_are_read_as_the_catalogue_has_them(text: str, schema: str, name: str) -> None:
    assert TableName.parse(text) == (schema, name)


@pytest.mark.parametrize("text", ["plan", "a.b.c", "app.my table", '"app.plan"', 'app."plan', 'app.""', ".plan", ""])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not schema"):
        TableName.parse(text)


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_every_name_can_be_written(schema: str, name: str) -> None:
    assert TableName.parse(str(TableName(schema, name))) == (schema, name)


def test_a_table_has_one_spelling_in_a_mapping() -> None:
    mapping = parse_mapping("""[source.scenario]\ntable = '"app"."plan"'\nkey = "id"\n""")
    assert mapping.tables() == ("app.plan",)


@pytest.mark.parametrize(
    ("table", "topic"),
    [
        ("Planung.Ausführung", "c.Planung.Ausf_hrung"),
        ('app."my.table"', "c.app.my.table"),
        ('app."with space"', "c.app.with_space"),
        ("app.日本🙂", "c.app.____"),
        ('app.quo"te', "c.app.quo_te"),
        ("app.a-b_c$d", "c.app.a-b_c_d"),
    ],
)
def test_topics_are_named_as_debezium_names_them(table: str, topic: str) -> None:
    assert TopicNames("c").change(table) == topic


def test_tables_may_share_a_topic() -> None:
    names = [topic.name for topic in topics("c", ("app.größe", "app.gräße"), 30)]
    assert names.count("c.app.gr__e") == 1


def test_names_that_kafka_does_not_take_beside_each_other() -> None:
    assert clashes("c", ("app.x_y", "app.b")) == []
    assert clashes("c", ("app.x_y", "app_x.y")) == [("app_x.y", "c.app.x_y")]
    assert clashes("c", ("forwarder.state",)) == [("forwarder.state", "c.forwarder.state")]


@pytest.mark.parametrize("name", ["Plan", "my.table", "com,ma", 'quo"te', "a b", "x$y", "[x]", "back\\slash"])
def test_debezium_is_told_of_exactly_this_table(name: str) -> None:
    """Its list is split at commas that no backslash is before, and its patterns ignore case unless told otherwise."""
    mapping = parse_mapping(f"[source.scenario]\ntable = {_literal(str(TableName('app', name)))}\nkey = 'id'\n")
    settings = Settings(source=SourceSettings(dsn=SecretStr("postgresql://cdc@h/d")))
    (pattern,) = re.split(r"(?<!\\),", connector_config(settings, mapping)["table.include.list"])
    pattern = pattern.replace("\\,", ",")
    matched = re.compile(pattern, re.I)
    assert matched.fullmatch(f"app.{name}")
    assert not matched.fullmatch(f"app.{name}x")
    if name.swapcase() != name:
        assert not matched.fullmatch(f"app.{name.swapcase()}")


def _literal(text: str) -> str:
    return "'''" + text + "'''"
