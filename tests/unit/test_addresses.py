"""What of an address may be tried, and what of it may be shown."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError

from clearsight.addresses import dsn_problem, url_problem, without_login
from clearsight.settings import CloudWatchSettings, ConnectSettings

pytestmark = pytest.mark.unit

HOST, PORT, DATABASE = "127.0.0.1", "5432", "source"


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:hunter@sesame77@127.0.0.1:5432/source",
        "postgresql://u:hunter/sesame77@127.0.0.1:5432/source",
        "postgresql://u:5432/sesame77@127.0.0.1/source",
        "postgresql://u:hunter@sesame77?user=x@127.0.0.1/source",
        "postgresql://u:sesame77:127.0.0.1/source",
        "postgresql://u:sesame77",
        "postgresql://u:sesame77%@127.0.0.1/source",
        "postgresql://u:sesame77@[::1/source",
        "postgresql+psycopg://u:sesame77@127.0.0.1/source",
        "u:sesame77@127.0.0.1/source",
        "host=127.0.0.1 password=hunter sesame77",
        "host=u:sesame77@127.0.0.1",
        "postgresql://u:sesame77@127.0.0.1/source?sslmode=bogus",
        "postgresql://u:sesame77@127.0.0.1/source?connect_timeout=soon",
    ],
)
def test_what_libpq_would_take_apart_is_refused_without_a_piece_of_it(dsn: str) -> None:
    problem = dsn_problem(dsn)
    assert problem
    assert "sesame77" not in problem


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:a%40b%2Fc@127.0.0.1:5432/source",
        "postgres://u:a:b?c#d@[::1]:5432/source?sslmode=require&connect_timeout=3",
        "postgresql://u@one:5432,two:5433/source?target_session_attrs=read-write",
        "postgresql:///source?host=/run/postgresql",
        "postgresql://127.0.0.1/source",
        "host=127.0.0.1 user=u password='a@b/c' dbname=source",
    ],
)
def test_others_are_left_to_libpq(dsn: str) -> None:
    assert dsn_problem(dsn) is None


@given(st.text(alphabet="ab1@/:?#%&=[], '\\é", min_size=1, max_size=12))
def test_a_dsn_is_refused_or_its_password_is_where_it_should_be(password: str) -> None:
    dsn = f"postgresql://u:{password}@{HOST}:{PORT}/{DATABASE}"
    assume(dsn_problem(dsn) is None)
    parts = conninfo_to_dict(dsn)
    assert {key: parts[key] for key in ("user", "host", "port", "dbname")} == {
        "user": "u", "host": HOST, "port": PORT, "dbname": DATABASE,
    }  # fmt: skip


@given(st.text(min_size=1).filter(lambda text: "\0" not in text and text.isprintable()))
def test_every_password_can_be_written(password: str) -> None:
    dsn = f"postgresql://u:{quote(password, safe='')}@{HOST}:{PORT}/{DATABASE}"
    assert dsn_problem(dsn) is None
    assert conninfo_to_dict(dsn)["password"] == password


@pytest.mark.parametrize(
    "url",
    [
        "http://admin:hunter@sesame77@127.0.0.1:8083",
        "http://admin:hunter/sesame77@127.0.0.1:8083",
        "http://admin:sesame77",
        "admin:sesame77@127.0.0.1:8083",
        "http://admin:hunter?sesame77@127.0.0.1",
    ],
)
def test_such_urls_are_refused_when_settings_are_read(url: str) -> None:
    problem = url_problem(url)
    assert problem
    assert "sesame77" not in problem
    with pytest.raises(ValidationError) as caught:
        ConnectSettings(url=url)
    assert [error["msg"] for error in caught.value.errors()] == [problem]


def test_others_are_shown_without_user_and_password() -> None:
    assert url_problem("https://admin:sesame77@[::1]:8083/connect") is None
    assert without_login("https://admin:sesame77@[::1]:8083/connect") == "https://[::1]:8083/connect"
    assert without_login("http://127.0.0.1:8083") == "http://127.0.0.1:8083"


def test_cloudwatch_has_its_credentials_elsewhere() -> None:
    with pytest.raises(ValidationError, match="no user and no password"):
        CloudWatchSettings(endpoint_url="http://u:sesame77@127.0.0.1:4566")
