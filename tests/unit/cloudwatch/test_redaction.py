"""What must not leave CloudWatch in a log line."""

from __future__ import annotations

import json
import logging
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.secrets_in_lines import SHAPES, Planted, planted

from clearsight.errors import ConfigurationError
from clearsight.logline import LogLine
from clearsight.settings import RedactionSettings
from connectors.cloudwatch.lines import MAX_VALUE_BYTES, Origin
from connectors.cloudwatch.metrics import ForwarderMetrics
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.redact.configured import redactor_of
from connectors.cloudwatch.redact.keys import KINDS
from connectors.cloudwatch.redact.patterns import PATTERNS, Pattern
from connectors.cloudwatch.redact.redactor import DEFAULT, Redactor
from connectors.cloudwatch.transcript import Transcript

pytestmark = pytest.mark.unit

ORIGIN = Origin("000000000000", "eu-west-1", "/app")


def record(message: str, redactor: Redactor = DEFAULT) -> dict[str, Any]:
    transcript, event = Transcript(ORIGIN, redactor), Event("1", 1_790_000_000_000, None, "s", message)
    (parsed,) = transcript.read([event])
    value: dict[str, Any] = json.loads(transcript.record(event, parsed, 1_790_000_000_001).value)
    return value


TOKENS = (
    *("ghp_", "gho_", "ghu_", "ghs_", "github_pat_"),
    *("xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-"),
    *("sk-", "glpat-"),
)
TYPED: list[tuple[str, str, dict[str, int]]] = [
    ("mail of alice.b+c@example.co.uk failed", "mail of [email] failed", {"email": 1}),
    ("jürgen@müller.de", "[email]", {"email": 1}),
    ("to=alice%40example.com&x=1", "[email]&x=1", {"email": 1}),
    ("paid with 4111 1111 1111 1111.", "paid with [card].", {"card": 1}),
    ("paid with 378282246310005", "paid with [card]", {"card": 1}),
    ("from GB82 WEST 1234 5698 7654 32", "from [iban]", {"iban": 1}),
    ("ssn of 123-45-6789", "ssn of [ssn]", {"ssn": 1}),
    ("call +44 20 7946 0958 now", "call [phone] now", {"phone": 1}),
    ("password=hunter2 user=x", "password=[secret] user=x", {"secret": 1}),
    ('{"password": "hun\\"ter 2"', '{"password": "[secret]"', {"secret": 1}),
    (r"{\"api_key\": \"a b\"", r"{\"api_key\": \"[key]\"", {"key": 1}),
    ("db_password: 'a b c'", "db_password: [secret]", {"secret": 1}),
    ("Authorization: Bearer abc.def", "Authorization: [secret]", {"secret": 1}),
    ("got bearer abc123def456 there", "got bearer [token] there", {"token": 1}),
    ("{'password': b'hunter2', 'x': 1}", "{'password': [secret], 'x': 1}", {"secret": 1}),
    ("mysql --password hunter2 -u x", "mysql --password [secret] -u x", {"secret": 1}),
    ("['psql', '--db-password', 'hunter2']", "['psql', '--db-password', '[secret]']", {"secret": 1}),
    ("?client_secret%3Dhunter2&x=1", "?client_secret%3D[secret]&x=1", {"secret": 1}),
    ("Cookie: a=b; session=c", "Cookie: [secret]", {"secret": 1}),
    ("postgres://app:pa55@db.internal/x", "postgres://[login]@db.internal/x", {"login": 1}),
    ("access_token=abc", "access_token=[token]", {"token": 1}),
    ("jwt eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0", "jwt [token]", {"token": 1}),
    ("key AKIAIOSFODNN7EXAMPLE", "key [key]", {"key": 1}),
    ("ghp_0123456789abcdef0123456789abcdef0123", "[token]", {"token": 1}),
    ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "[key]", {"key": 1}),
    (
        "xoxb-123456789012-abcdef glpat-0123456789abcdef sk-0123456789abcdef0123",
        "[token] [token] [token]",
        {"token": 3},
    ),
    ("two a@b.de c@d.de", "two [email] [email]", {"email": 2}),
    ("cvv: 123 ssn=987", "cvv: [secret] ssn=[secret]", {"secret": 2}),
    ("token: 0123456789abcdef", "token: [token]", {"token": 1}),
    *((f"{begin}0123456789abcdefABCD", "[token]", {"token": 1}) for begin in TOKENS),
]
"""A text, what becomes of it, and what is counted."""
NAMED: dict[str, tuple[str, ...]] = {
    "secret": (
        *("password", "passwords", "passwd", "passphrase", "pwd", "secret", "secrets", "credential", "credentials"),
        *("connection_string", "authorization", "cookie", "cookies", "cvv", "cvc"),
    ),
    "token": ("token", "jwt"),
    "key": ("api_key", "api_keys", "access_key", "access_key_id", "secret_key", "private_key"),
    "email": ("email", "e_mail", "email_address", "mail"),
    "card": ("card_number", "credit_card", "card_no", "pan"),
    "ssn": ("ssn", "social_security_number"),
    "phone": ("phone", "phone_number", "mobile_number"),
    "iban": ("iban", "account_number"),
    "birthdate": ("date_of_birth", "birth_date", "birthday"),
    "locals": ("locals",),
}
"""Mark, and the names of fields that it stands in."""


@pytest.mark.parametrize(("text", "expected", "redactions"), TYPED)
def test_typed_marks(text: str, expected: str, redactions: dict[str, int]) -> None:
    found = record(text)
    assert (found["message"], found.get("redactions", {})) == (expected, redactions)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: f"{pattern.kind} {pattern.gate}")
def test_every_pattern_alone_finds_an_example(pattern: Pattern) -> None:
    redactor = Redactor(patterns=(pattern,))
    assert any(pattern.kind in record(text, redactor).get("redactions", {}) for text, *_ in TYPED)


def test_every_name_of_a_field_has_its_mark() -> None:
    assert {name: kind for kind, names in NAMED.items() for name in names} == KINDS


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in NAMED.items() for name in names])
def test_a_field_of_that_name_is_marked(kind: str, name: str) -> None:
    camel = name.split("_")[0] + name.title().replace("_", "")[len(name.split("_")[0]) :]
    for written in (name, name.upper().replace("_", "-"), camel):
        found = record(json.dumps({"message": "m", written: "of no form"}))
        assert (found["attributes"], found["redactions"]) == ({written: f"[{kind}]"}, {kind: 1})


@pytest.mark.parametrize("name", ["service", "node"])
def test_names_of_services_and_nodes_are_redacted(name: str) -> None:
    found = record(json.dumps({"message": "m", name: "alice@example.com", "request_id": "r-1"}))
    assert (found[name], found["redactions"], found["request_id"]) == ("[email]", {"email": 1}, "r-1")


def test_a_name_that_holds_nothing_is_known_and_one_that_does_is_found_each_time() -> None:
    redactor = Redactor()
    names = ("plan", "AKIAIOSFODNN7EXAMPLE", "plan", "AKIAIOSFODNN7EXAMPLE")
    lines = [json.dumps({"message": "a@b.de", "service": name}) for name in names]
    assert [record(line, redactor)["service"] for line in lines] == ["plan", "[key]"] * 2


def test_a_level_that_is_none_is_not_kept() -> None:
    line = {"message": "m", "error_severity": "alice@example.com", "backend_type": "b"}
    assert "level_raw" not in record(json.dumps(line))


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


def test_kinds_that_a_deployment_adds() -> None:
    redactor = redactor_of(RedactionSettings(patterns={"customer": r"\bC-\d{8}\b", "plant": "(?i)werk (nord|süd)"}))
    found = record("of\nC-12345678 in Werk Süd\\nXC-123456789", redactor)
    assert (found["message"], found["redactions"]) == (
        "of\n[customer] in [plant]\\nXC-123456789",
        {"customer": 1, "plant": 1},
    )
    assert record(json.dumps({"message": "m", "of": "\tC-12345678"}), redactor)["attributes"] == {"of": "\t[customer]"}


@pytest.mark.parametrize("patterns", [{"x": "("}, {"x": "a*"}, {"X y": "a"}, {"x": "(?<=a)b"}])
def test_a_kind_that_cannot_be(patterns: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="CLEARSIGHT_REDACTION__PATTERNS"):
        redactor_of(RedactionSettings(patterns=patterns))


def test_user_ids_become_the_same_pseudonym_everywhere_in_the_line() -> None:
    redactor = Redactor(user_key=b"0123456789abcdef")
    first = record(
        '{"message": "user alice-7 (alice-77)", "user_id": "alice-7", "by": ["alice-7"], "node": "of alice-7"}',
        redactor,
    )
    second = record("INFO:app:user_id=alice-7", redactor)
    pseudonym = first["user_id"]
    assert len(pseudonym) == 32
    assert first["message"] == f"user {pseudonym} (alice-77)"
    assert (first["attributes"], first["node"]) == ({"by": [pseudonym]}, f"of {pseudonym}")
    assert second["user_id"] == pseudonym
    assert record("INFO:app:user_id=alice-7", Redactor(user_key=b"another-key-0123"))["user_id"] != pseudonym
    assert record("INFO:app:user_id=alice-7")["user_id"] == "alice-7"


def test_a_user_id_that_is_a_number_is_replaced_wherever_it_stands() -> None:
    redactor = Redactor(user_key=b"0123456789abcdef")
    line = {"message": "hi", "user_id": 471199, "owner": 471199, "context": {"userId": 471199}, "by": {"471199": 4711}}
    found = record(json.dumps(line), redactor)
    pseudonym = found["user_id"]
    expected = {"owner": pseudonym, "context": {"userId": pseudonym}, "by": {pseudonym: 4711}}
    assert found["attributes"] == expected


def test_a_short_user_id_is_replaced_where_a_user_is_spoken_of() -> None:
    redactor = Redactor(user_key=b"0123456789abcdef")
    found = record('{"message": "user 42 of 42, user_id=42", "context": {"user_id": 42, "rows": 42}}', redactor)
    pseudonym = found["user_id"]
    assert found["message"] == f"user {pseudonym} of 42, user_id={pseudonym}"
    assert found["attributes"] == {"context": {"user_id": pseudonym, "rows": 42}}


@pytest.mark.parametrize(
    "line",
    [
        'login with password="[hunter]"',
        '{"passwords": ["a", "hunter"]}',
        '{"password": "hunter", "password": null}',
        '{"level": "INFO", "message": "{\\"password\\": \\"hunter\\", \\"password\\": null}"}',
        '{"level": "ERROR", "errorType": "password=hunter", "errorMessage": "m"}',
    ],
)
def test_no_disguise_hides_a_secret(line: str) -> None:
    assert "hunter" not in json.dumps(record(line))


def test_the_secret_of_pseudonyms_is_not_shown() -> None:
    assert "0123456789abcdef" not in repr(RedactionSettings(user_key="0123456789abcdef"))  # type: ignore[arg-type]


def test_nothing_is_cut_before_it_is_redacted() -> None:
    text = "x" * (MAX_VALUE_BYTES // 2 - 8) + " alice@example.com " + "y" * MAX_VALUE_BYTES
    found = record(text)
    assert found["attributes"]["truncated"]
    assert "alice" not in found["message"]
    assert "[email]"[:3] in found["message"]


@st.composite
def planted_lines(draw: st.DrawFn) -> Planted:
    around = st.text(
        st.characters(exclude_characters="\\\"'", exclude_categories=("Cs", "Nd", "Lu", "Ll", "Lo", "Pc", "Pd", "Po")),
        max_size=3,
    )
    before = draw(around) + draw(st.sampled_from(["", " ", "\n", "\t", "(", "=", ", "]))
    after = draw(st.sampled_from(["", " ", "\n", ")", ",", ". "])) + draw(around)
    return planted(random.Random(draw(st.integers(0, 2**32))), before, after)


@settings(max_examples=600, deadline=None)
@given(planted_lines())
def test_no_planted_secret_survives_in_a_record(found: Planted) -> None:
    secret, line = found
    event = Event("1", 1_790_000_000_000, None, "s", line)
    transcript = Transcript(ORIGIN)
    (parsed,) = transcript.read([event])
    made = transcript.record(event, parsed, 1)
    shown = made.value.decode() + json.dumps(json.loads(made.value), ensure_ascii=False) + made.key.decode()
    assert secret not in shown
    assert secret.replace(" ", "") not in shown


def test_what_was_replaced_is_counted_by_kind_for_prometheus() -> None:
    transcript, metrics = Transcript(ORIGIN), ForwarderMetrics()
    page = [Event(str(n), n, None, "s", line) for n, line in enumerate(["a@b.de c@d.de", "password=x e@f.de", "fine"])]
    parsed = transcript.read(page)
    for event, each in zip(page, parsed, strict=True):
        transcript.record(event, each, 1)
    metrics.lines("pull", parsed, repeated=0)
    counted = {
        kind: metrics.registry.get_sample_value("clearsight_forwarder_redactions_total", {"kind": kind})
        for kind in ("email", "secret", "card")
    }
    assert counted == {"email": 3, "secret": 1, "card": None}


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
