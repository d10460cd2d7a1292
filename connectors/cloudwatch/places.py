"""The accounts and regions that are read, and boto3 clients for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from pydantic import SecretStr

from clearsight.settings import CloudWatchSettings

SESSION_NAME = "clearsight-forwarder"
ATTEMPTS = 4
CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 20


class Place(NamedTuple):
    account: str
    region: str
    groups: tuple[str, ...]
    endpoint_url: str | None = None
    role_arn: str | None = None
    external_id: SecretStr | None = None


def places(settings: CloudWatchSettings) -> Iterator[Place]:
    """The account at home first, where it has groups; then the others, region by region."""
    if settings.groups:
        yield Place(settings.account_id, settings.region, settings.groups, settings.endpoint_url)
    for account in settings.accounts:
        for region in account.regions or (settings.region,):
            endpoint = account.endpoint_url or settings.endpoint_url
            yield Place(account.id, region, account.groups, endpoint, account.role_arn, account.external_id)


def connect(place: Place, service: str = "logs", attempts: int = ATTEMPTS) -> Any:
    """A client with credentials of now. A simulator needs none. Raises what botocore raises."""
    if place.endpoint_url:
        credentials = {"aws_access_key_id": "simulator", "aws_secret_access_key": "simulator"}
    else:
        credentials = _assumed(place) if place.role_arn else {}
    session: Any = boto3.session.Session()
    return session.client(
        service,
        region_name=place.region,
        endpoint_url=place.endpoint_url,
        config=Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
        ),
        **credentials,
    )


def _assumed(place: Place) -> dict[str, str]:
    external = {"ExternalId": place.external_id.get_secret_value()} if place.external_id else {}
    session: Any = boto3.session.Session()
    sts = session.client("sts", region_name=place.region)
    given = sts.assume_role(RoleArn=place.role_arn, RoleSessionName=SESSION_NAME, **external)["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
