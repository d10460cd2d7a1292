"""Secrets as applications let them slip into log lines, and the lines. Each secret is so long and so random that it cannot
come about otherwise."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable

Planted = tuple[str, str]
"""A secret, and a line that holds it somewhere."""


def planted(chance: random.Random, before: str = " ", after: str = " ") -> Planted:
    """`before` and `after` stand around a secret that shows itself; one without a form stands under a telling name."""
    if chance.random() < 0.5:
        secret, shown = BARE[chance.choice(sorted(BARE))](chance)
        return secret, chance.choice(SHAPES)(f"{before}{shown}{after}")
    secret, name = _letters(chance, 24), chance.choice(NAMES)
    return secret, chance.choice(ASSIGNMENTS)(name, secret)


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choice("0123456789") for _ in range(count))


def _letters(chance: random.Random, count: int) -> str:
    return "".join(chance.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(count))


def _card(chance: random.Random) -> str:
    body = "4" + _digits(chance, 14)
    total = sum(int(d) if place % 2 else sum(divmod(int(d) * 2, 10)) for place, d in enumerate(body))
    return body + str(-total % 10)


def _iban(chance: random.Random) -> str:
    account = _digits(chance, 14)
    checked = "".join(str(int(character, 36)) for character in f"WEST{account}GB00")
    return f"GB{98 - int(checked) % 97:02}WEST{account}"


def _alone(secret: str) -> tuple[str, str]:
    return secret, secret


def _private_key(chance: random.Random) -> tuple[str, str]:
    secret = _letters(chance, 40)
    return secret, f"-----BEGIN RSA PRIVATE KEY-----\nMII{secret}\n-----END RSA PRIVATE KEY-----"


def _login(chance: random.Random) -> tuple[str, str]:
    secret = _letters(chance, 20)
    return secret, f"postgresql://app:{secret}@db.internal:5432/x"


BARE: dict[str, Callable[[random.Random], tuple[str, str]]] = {
    "email": lambda chance: _alone(f"{_letters(chance, 9)}.{_letters(chance, 5)}@{_letters(chance, 7)}.example.org"),
    "card": lambda chance: _alone(_card(chance)),
    "spaced card": lambda chance: _alone(re.sub(r"(\d{4})(?=\d)", r"\1 ", _card(chance))),
    "jwt": lambda chance: _alone(f"eyJ{_letters(chance, 12)}.{_letters(chance, 20)}.{_letters(chance, 20)}"),
    "aws": lambda chance: _alone("AKIA" + _letters(chance, 16).upper().replace("@", "A")),
    "github": lambda chance: _alone("ghp_" + _letters(chance, 36)),
    "github, fine-grained": lambda chance: _alone(f"github_pat_{_letters(chance, 22)}_{_letters(chance, 40)}"),
    "gitlab": lambda chance: _alone("glpat-" + _letters(chance, 20)),
    "slack": lambda chance: _alone(f"xoxb-{_digits(chance, 12)}-{_letters(chance, 24)}"),
    "openai": lambda chance: _alone("sk-" + _letters(chance, 40)),
    "iban": lambda chance: _alone(_iban(chance)),
    "spaced iban": lambda chance: _alone(re.sub(r"(.{4})(?=.)", r"\1 ", _iban(chance))),
    "private key": _private_key,
    "login": _login,
    "ssn": lambda chance: _alone(f"{chance.randint(100, 600)}-{chance.randint(10, 99)}-{chance.randint(1000, 9999)}"),
    "phone": lambda chance: _alone(
        f"+44 {chance.randint(10, 99)} {chance.randint(1000, 9999)} {chance.randint(1000, 9999)}"
    ),
}
"""Secrets that show themselves: the secret, and the text that it is known by."""
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


def _traceback(said: object) -> str:
    return f'2026-11-22 12:00:00,123 ERROR app failed\nTraceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\nValueError: {said}'


def _first_piece(told: dict[str, object]) -> str:
    """Of a line that a log driver cut, and that never becomes whole."""
    return json.dumps({"level": "INFO", **told, "rest": "-" * 20_000})[:16_384]


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
    lambda said: json.dumps({"message": "m", "level": "INFO", "service": said}),
    lambda said: json.dumps({"message": "m", "node": said, "xray_trace_id": "1-5759e988-bd862e3fe1be46a994272793"}),
    lambda said: json.dumps({"message": "m", "error_severity": said, "backend_type": "client backend"}),
    lambda said: json.dumps({"message": "m", "level": said, "severity": said, "logger": said, "timestamp": said}),
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
    lambda name, secret: _first_piece({name: secret, "birthday": secret, "frame": {"locals": [secret]}}),
    lambda name, secret: _first_piece({"body": json.dumps({"dateOfBirth": secret}), "headers": {"phone": [secret]}}),
]
