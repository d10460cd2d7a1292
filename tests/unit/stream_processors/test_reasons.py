"""A reason says why a record is a dead letter and shows nothing of its values: they may be secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.debezium import NAMES, T0_US, Transaction, forwarder_state, log_line
from kit.story import INPUTS, an_input

from clearsight.events import Rejected
from clearsight.logline import LogError
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from stream_processors.decode import MAX_NAME_CHARS, Decoder
from stream_processors.records import RawRecord

pytestmark = pytest.mark.unit

DECODE = Decoder(load_mapping(DEFAULT_MAPPING), NAMES)
TEMPLATES = [
    *Transaction(7, T0_US, 5_000)
    .context("c", "u1")
    .update(INPUTS, an_input("i1", "s1", "5"), an_input("i1", "s1", "6"))
    .end()
    .records,
    log_line(1, T0_US, "text", level="ERROR", error=LogError(type="T", message="m"), correlation_id="c"),
    forwarder_state(T0_US, {"0": 1}),
]
SECRETS = st.text(min_size=MAX_NAME_CHARS + 1, max_size=200).filter(lambda text: len(set(text)) > 8)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a value, its inner ones too."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, inner in items for found in places(inner, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def shapes(secret: str) -> list[Any]:
    return [secret, [secret], {secret: secret}, json.dumps([secret, "1"]), f"700:{secret}"]


def shown(secret: str, reason: str) -> bool:
    longest = MAX_NAME_CHARS + 1
    texts = (secret, repr(secret))
    return any(text[at : at + longest] in reason for text in texts for at in range(len(text) - longest + 1))


@st.composite
def bad_records(draw: st.DrawFn) -> tuple[RawRecord, str]:
    """Some real record with a secret in several of its places, perhaps cut off; and the secret."""
    topic, _, template = draw(st.sampled_from(TEMPLATES))
    secret = draw(SECRETS)
    value = json.loads(template or b"null")
    for _ in range(draw(st.integers(1, 3))):
        shape = draw(st.sampled_from(shapes(secret)))
        value = replaced(value, draw(st.sampled_from(places(value))), shape)
    encoded = json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    cut = draw(st.one_of(st.none(), st.integers(0, len(encoded))))
    topic = draw(st.sampled_from([topic, *(name for name, *_ in TEMPLATES)]))
    key = secret.encode("utf-8", "surrogatepass")
    return RawRecord(topic, 0, 7, T0_US // 1000, key, encoded[:cut], (("h", key),)), secret


@pytest.mark.parametrize("secret", ["".join(f"{n:03d}{mark}" for n in range(40)) for mark in ("", "'", '"', "'\"")])
@pytest.mark.parametrize(("topic", "template"), [(topic, value) for topic, _, value in TEMPLATES])
def test_no_place_of_a_record_shows_in_a_reason(topic: str, template: bytes, secret: str) -> None:
    for path in places(json.loads(template)):
        for shape in shapes(secret):
            value = json.dumps(replaced(json.loads(template), path, shape)).encode()
            event = DECODE(RawRecord(topic, 0, 7, T0_US // 1000, None, value))
            assert not (isinstance(event, Rejected) and shown(secret, event.reason)), (path, event)


@given(bad_records())
def test_no_value_shows_in_a_reason(found: tuple[RawRecord, str]) -> None:
    record, secret = found
    event = DECODE(record)
    if isinstance(event, Rejected):
        assert not shown(secret, event.reason), event.reason


@given(st.binary(max_size=300), st.sampled_from([topic for topic, *_ in TEMPLATES]))
def test_whatever_bytes_come_nothing_is_raised(value: bytes, topic: str) -> None:
    DECODE(RawRecord(topic, 0, 7, T0_US // 1000, None, value))


@pytest.mark.parametrize("sequence", ["[", '["', '["x","1"]', "null", "{}", '[1,"2"]'])
def test_whatever_sequence_comes_nothing_is_raised(sequence: str) -> None:
    topic, key, value = TEMPLATES[1]
    changed = replaced(json.loads(value or b""), ("source", "sequence"), sequence)
    DECODE(RawRecord(topic, 0, 7, T0_US // 1000, key, json.dumps(changed).encode()))


def test_an_unknown_level_is_not_quoted() -> None:
    topic, key, value = TEMPLATES[3]
    event = DECODE(RawRecord(topic, 0, 7, 0, key, (value or b"").replace(b'"ERROR"', b'"hunter2"')))
    assert isinstance(event, Rejected)
    assert event.reason == "ValidationError: Invalid enum value … - at `$.level`"
