"""What must not leave CloudWatch in a log line."""

from __future__ import annotations

import json
import logging
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearsight.logline import LogLine
from clearsight.settings import RedactionSettings
from connectors.cloudwatch.lines import MAX_VALUE_BYTES, Origin
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.redact.configured import redactor_of
from connectors.cloudwatch.redact.redactor import DEFAULT, Redactor
from connectors.cloudwatch.transcript import Transcript

pytestmark = pytest.mark.unit

ORIGIN = Origin("000000000000", "eu-west-1", "/app")


def record(message: str, redactor: Redactor = DEFAULT) -> dict[str, Any]:
    transcript, event = Transcript(ORIGIN, redactor), Event("1", 1_790_000_000_000, None, "s", message)
    (parsed,) = transcript.read([event])
    value: dict[str, Any] = json.loads(transcript.record(event, parsed, 1_790_000_000_001).value)
    return value


@pytest.mark.parametrize(
    ("text", "expected", "redactions"),
    [
        ("mail of alice.b+c@example.co.uk failed", "mail of [email] failed", {"email": 1}),
        ("jürgen@müller.de", "[email]", {"email": 1}),
        ("to=alice%40example.com&x=1", "[email]&x=1", {"email": 1}),
        ("paid with 4111 1111 1111 1111.", "paid with [card].", {"card": 1}),
        ("paid with 378282246310005", "paid with [card]", {"card": 1}),
        ("from GB82 WEST 1234 5698 7654 32", "from [iban]", {"iban": 1}),
        ("ssn of 123-45-6789", "ssn of [ssn]", {"ssn": 1}),
        ("call +44 20 7946 0958 now", "call [phone] now", {"phone": 1}),
        ("password=hunter2 user=x", "password=[secret] user=x", {"secret": 1}),
        ('{"password": "hun\\"ter 2"', '{"password": [secret]', {"secret": 1}),
        (r"{\"api_key\": \"a b\"", r"{\"api_key\": [secret]", {"secret": 1}),
        ("db_password: 'a b c'", "db_password: [secret]", {"secret": 1}),
        ("Authorization: Bearer abc.def", "Authorization: [secret]", {"secret": 1}),
        ("got bearer abc123def456 there", "got bearer [token] there", {"token": 1}),
        ("Cookie: a=b; session=c", "Cookie: [secret]", {"secret": 1}),
        ("postgres://app:pa55@db.internal/x", "postgres://[login]@db.internal/x", {"login": 1}),
        ("access_token=abc", "access_token=[token]", {"token": 1}),
        ("jwt eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0", "jwt [token]", {"token": 1}),
        ("key AKIAIOSFODNN7EXAMPLE", "key [key]", {"key": 1}),
        ("ghp_0123456789abcdef0123456789abcdef0123", "[token]", {"token": 1}),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "[key]", {"key": 1}),
        ("two a@b.de c@d.de", "two [email] [email]", {"email": 2}),
    ],
)
def test_typed_marks(text: str, expected: str, redactions: dict[str, int]) -> None:
    found = record(text)
    assert (found["message"], found.get("redactions", {})) == (expected, redactions)


@pytest.mark.parametrize(
    "text",
    [
        "order 4111111111111112 of 1790000000000",
        "run 0b5f1c1e-8a1c-4b5e-9a37-4a2f0a3f1c11 took 12:00:00,123 at 2026-11-22 12:00:00+1000 - fine",
        "Unexpected token: expected }",
        "password authentication failed for user",
        "com.acme.Thing@1a2b3c4d and lodash@4.17.21",
        "bearer of bad news",
        "000-12-3456",
        "https://host:8443/a@b",
        "see page 12-34-5678",
        "passed=3 tokens_used=17",
    ],
)
def test_what_only_looks_so_stays(text: str) -> None:
    found = record(text)
    assert (found["message"], found.get("redactions")) == (text, None)


def test_fields_by_name_whatever_they_hold() -> None:
    fields = {
        "message": "m",
        "userPassword": "x",
        "X-Api-Key": 7,
        "headers": {"Authorization": "y", "accept": "json"},
        "customer": [{"e-mail": "z", "name": "n"}],
        "card_number": 4111111111111111,
        "number": 4111111111111111,
        "token": None,
        "tokens": 5,
        "locals": {"secret_thing": 1},
    }
    assert record(json.dumps(fields))["attributes"] == {
        "userPassword": "[secret]",
        "X-Api-Key": "[key]",
        "headers": {"Authorization": "[secret]", "accept": "json"},
        "customer": [{"e-mail": "[email]", "name": "n"}],
        "card_number": "[card]",
        "number": "[card]",
        "token": None,
        "tokens": 5,
        "locals": "[locals]",
    }


def test_ids_are_found_first_and_stay() -> None:
    found = record("ERROR:app:correlation_id=4111111111111111 run_id=5500005555555559 of bob@example.com")
    assert (found["correlation_id"], found["run_id"]) == ("4111111111111111", "5500005555555559")
    assert found["message"].endswith("of [email]")


def test_json_in_json_whose_characters_are_escaped() -> None:
    inner = '{"to": "alice\\u0040example.com", "pass\\u0077ord": "x"}'
    found = record(json.dumps({"message": inner}))
    assert json.loads(found["message"]) == {"to": "[email]", "password": "[secret]"}


def test_names_that_a_deployment_adds() -> None:
    redactor = redactor_of(RedactionSettings(keys=("tax_number",)))
    assert record('{"message": "m", "taxNumber": 5}', redactor)["attributes"] == {"taxNumber": "[secret]"}


def test_user_ids_become_the_same_pseudonym_everywhere_in_the_line() -> None:
    redactor = Redactor(user_key=b"0123456789abcdef")
    first = record('{"message": "user alice-7 (alice-77)", "user_id": "alice-7", "by": ["alice-7"]}', redactor)
    second = record("INFO:app:user_id=alice-7", redactor)
    pseudonym = first["user_id"]
    assert len(pseudonym) == 32
    assert first["message"] == f"user {pseudonym} (alice-77)"
    assert first["attributes"] == {"by": [pseudonym]}
    assert second["user_id"] == pseudonym
    assert record("INFO:app:user_id=alice-7", Redactor(user_key=b"another-key-0123"))["user_id"] != pseudonym
    assert record("INFO:app:user_id=alice-7")["user_id"] == "alice-7"


def test_the_secret_of_pseudonyms_is_not_shown() -> None:
    assert "0123456789abcdef" not in repr(RedactionSettings(user_key="0123456789abcdef"))  # type: ignore[arg-type]


def test_nothing_is_cut_before_it_is_redacted() -> None:
    text = "x" * (MAX_VALUE_BYTES // 2 - 8) + " alice@example.com " + "y" * MAX_VALUE_BYTES
    found = record(text)
    assert found["attributes"]["truncated"]
    assert "alice" not in found["message"]
    assert "[email]"[:3] in found["message"]


# Secrets as they are planted: each cannot come about otherwise.
def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choice("0123456789") for _ in range(count))


def _letters(chance: random.Random, count: int) -> str:
    return "".join(chance.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(count))


def _card(chance: random.Random) -> str:
    body = "4" + _digits(chance, 14)
    total = sum(int(d) if place % 2 else sum(divmod(int(d) * 2, 10)) for place, d in enumerate(body))
    return body + str(-total % 10)


BARE: dict[str, Callable[[random.Random], str]] = {
    "email": lambda chance: f"{_letters(chance, 9)}.{_letters(chance, 5)}@{_letters(chance, 7)}.example.org",
    "card": _card,
    "spaced card": lambda chance: re.sub(r"(\d{4})(?=\d)", r"\1 ", _card(chance)),
    "jwt": lambda chance: f"eyJ{_letters(chance, 12)}.{_letters(chance, 20)}.{_letters(chance, 20)}",
    "aws": lambda chance: "AKIA" + _letters(chance, 16).upper().replace("@", "A"),
    "github": lambda chance: "ghp_" + _letters(chance, 36),
    "ssn": lambda chance: f"{chance.randint(100, 600)}-{chance.randint(10, 99)}-{chance.randint(1000, 9999)}",
    "phone": lambda chance: f"+44 {chance.randint(10, 99)} {chance.randint(1000, 9999)} {chance.randint(1000, 9999)}",
}
"""Secrets that show themselves."""
NAMES = (
    "password",
    "db_passwd",
    "clientSecret",
    "api_key",
    "X-Api-Key",
    "authorization",
    "Cookie",
    "access_token",
    "refreshToken",
)
"""Of fields that hold secrets without a form."""
Planted = tuple[str, str]


@st.composite
def planted_lines(draw: st.DrawFn) -> Planted:
    """A secret, and a line that holds it somewhere."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    around = st.text(
        st.characters(exclude_characters="\\\"'", exclude_categories=("Cs", "Nd", "Lu", "Ll", "Lo", "Pc", "Pd", "Po")),
        max_size=3,
    )
    before, after = (
        draw(around) + draw(st.sampled_from(["", " ", "\n", "\t", "(", "=", ", "])),
        draw(st.sampled_from(["", " ", "\n", ")", ",", ". "])) + draw(around),
    )
    if draw(st.booleans()):
        secret = BARE[draw(st.sampled_from(sorted(BARE)))](chance)
        said: object = f"{before}{secret}{after}"
        line = draw(st.sampled_from(SHAPES))(said)
        return secret, line
    secret, name = _letters(chance, 24), draw(st.sampled_from(NAMES))
    line = draw(st.sampled_from(ASSIGNMENTS))(name, secret)
    return secret, line


def _traceback(said: object) -> str:
    return f'2026-11-22 12:00:00,123 ERROR app failed\nTraceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\nValueError: {said}'


SHAPES: list[Callable[[object], str]] = [
    str,
    lambda said: f"2026-11-22T12:00:00Z ERROR [correlation_id=corr-12] {said}",
    lambda said: f"[ERROR]\t2026-11-22T12:00:00.123Z\t52fdfc07-2182-154f-163f-5f0f9a621d72\t{said}\n",
    _traceback,
    lambda said: json.dumps({"level": "INFO", "message": said, "service": "s", "location": "x:1"}),
    lambda said: json.dumps({"level": "INFO", "message": "m", "details": {"deep": [{"said": said}]}}, ensure_ascii=False),
    lambda said: json.dumps({"level": "INFO", "message": json.dumps({"said": said})}),
    lambda said: json.dumps({"message": {"said": said}, "requestId": "r", "level": "INFO"}),
    lambda said: json.dumps({"level": "ERROR", "message": "m", "exception": _traceback(said), "exception_name": "ValueError"}),
    lambda said: json.dumps({"event": "m", "level": "error", "exception": [{"exc_type": "V", "exc_value": said, "frames": [{"locals": {"x": said}}]}]}),
    lambda said: json.dumps({"log": f"INFO:app:{said}", "container_name": "c"}),
    lambda said: json.dumps({"message": "m", str(said): 1}),
]  # fmt: skip
ASSIGNMENTS: list[Callable[[str, str], str]] = [
    lambda name, secret: f"INFO:app:{name}={secret} done",
    lambda name, secret: f"INFO:app:{name}: {secret}",
    lambda name, secret: f'INFO:app:{name}="{secret} {secret}" done',
    lambda name, secret: json.dumps({"message": "m", name: secret}),
    lambda name, secret: json.dumps({"message": "m", "headers": {name: [secret]}}),
    lambda name, secret: json.dumps({"message": json.dumps({name: secret})}),
    lambda name, secret: json.dumps({"message": "m", "body": json.dumps({"inner": {name: secret}})}),
    lambda name, secret: json.dumps({"message": "m", "body": json.dumps({"inner": json.dumps({name: secret})})}),
    lambda name, secret: f"INFO:app:calling postgres://app:{secret}@db/x with {name}",
    lambda name, secret: repr({name: secret}),
]


@settings(max_examples=600, deadline=None)
@given(planted_lines())
def test_no_planted_secret_survives_in_a_record(planted: Planted) -> None:
    secret, line = planted
    event = Event("1", 1_790_000_000_000, None, "s", line)
    transcript = Transcript(ORIGIN)
    (parsed,) = transcript.read([event])
    made = transcript.record(event, parsed, 1)
    shown = made.value.decode() + json.dumps(json.loads(made.value), ensure_ascii=False) + made.key.decode()
    assert secret not in shown
    assert secret.replace(" ", "") not in shown


def test_the_forwarder_writes_no_line_into_its_own_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for shape in SHAPES:
            record(shape("alice@example.com"))
            record("{" * 100_000 + "alice@example.com")
    assert "alice" not in caplog.text


def test_a_line_without_secrets_is_encoded_once_and_unchanged() -> None:
    line = LogLine(
        event_id="1",
        event_time=1,
        forwarded_time=1,
        account="a",
        region="r",
        log_group="g",
        log_stream="s",
        message="m",
    )
    assert DEFAULT.line(line) == line
