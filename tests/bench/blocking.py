"""Who is compared with one caller at a time: each is opened once, and then performs one operation a call.

The baselines are written as well as their libraries allow: one client kept, limits as wide as needed, a
timeout, TLS verified, nothing read from the environment, and the answer checked.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import socket
from collections.abc import Callable, Iterator

import httptools
import requests
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud_im.tcim_client import TCIMClient

import convops
from tests.bench import vendor
from tests.bench.stage import Target

Operate = Callable[[], object]
RECEIVE = 64 * 1024


def account(target: Target, transport: str | None) -> dict[str, object]:
    """Return settings and options of our client."""
    options: dict[str, object] = {
        "sdk_app_id": vendor.SDK_APP_ID,
        "secret_key": vendor.SECRET_KEY,
        "admin": vendor.ADMIN,
        "base_url": target.base_url,
        "timeout": vendor.TIMEOUT,
        # The vendor's limit would be all that is measured.
        "pace": 1e9,
        "verify": target.ca_file,
    }
    return options if transport is None else {**options, "transport": transport}


@contextlib.contextmanager
def ours(target: Target, transport: str | None) -> Iterator[Operate]:
    """Open convops, by its public face."""
    pairs = vendor.pairs()
    with convops.connect("tencent", **account(target, transport)) as chat:

        def operate() -> None:
            user, peer = next(pairs)
            chat.mark_read(convops.Conversation.direct(user=user, peer=peer))

        yield operate


@contextlib.contextmanager
def httpx_like(target: Target, library: str) -> Iterator[Operate]:
    """Open httpx, or its successor of the same face."""
    httpx = importlib.import_module(library)
    query, pairs = vendor.Query(), vendor.pairs()
    with httpx.Client(
        base_url=target.base_url,
        verify=target.tls() or True,
        timeout=vendor.TIMEOUT,
        limits=httpx.Limits(max_connections=vendor.CONNECTIONS, max_keepalive_connections=vendor.CONNECTIONS),
        trust_env=False,
    ) as client:

        def operate() -> None:
            response = client.post(
                vendor.MARK_READ_PATH, params=query.fresh(), json=vendor.body(*next(pairs))
            )
            vendor.check(response.status_code, response.json())

        yield operate


@contextlib.contextmanager
def requests_session(target: Target) -> Iterator[Operate]:
    """Open a session of requests."""
    query, pairs = vendor.Query(), vendor.pairs()
    url = target.base_url + vendor.MARK_READ_PATH
    with requests.Session() as session:
        session.verify = target.ca_file
        session.trust_env = False

        def operate() -> None:
            response = session.post(
                url, params=query.fresh(), json=vendor.body(*next(pairs)), timeout=vendor.TIMEOUT
            )
            vendor.check(response.status_code, response.json())

        yield operate


def connected(target: Target) -> socket.socket:
    """Return a connection, encrypted where the target asks for it."""
    connection = socket.create_connection(target.address, timeout=vendor.TIMEOUT)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tls = target.tls()
    return tls.wrap_socket(connection, server_hostname=target.address[0]) if tls else connection


class _Answer:
    """One answer, as httptools reads it."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.body = b""
        self.is_complete = self.keeps_connection = False

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        # Only now does the parser know; a moment later it is ready for the next answer.
        self.is_complete, self.keeps_connection = True, self.parser.should_keep_alive()


@contextlib.contextmanager
def httptools_over_a_socket(target: Target) -> Iterator[Operate]:
    """Open a connection whose answers httptools parses."""
    query, pairs = vendor.Query(), vendor.pairs()
    connection = connected(target)

    def operate() -> None:
        nonlocal connection
        connection.sendall(vendor.request(target.host, query.fresh(), vendor.body(*next(pairs))))
        answer = _Answer()
        while not answer.is_complete:
            part = connection.recv(RECEIVE)
            if not part:
                raise ConnectionError("the server hung up")
            answer.parser.feed_data(part)
        if not answer.keeps_connection:
            connection.close()
            connection = connected(target)
        vendor.check(answer.parser.get_status_code(), json.loads(answer.body))

    yield operate
    connection.close()


@contextlib.contextmanager
def im_package(target: Target) -> Iterator[Operate]:
    """Open `tencentcloud-sdk-python-im`, which calls `requests.post` anew for each operation."""
    # It has no setting for certificates; requests takes the bundle from the environment.
    os.environ["REQUESTS_CA_BUNDLE"] = target.ca_bundle
    os.environ["NO_PROXY"] = target.address[0]
    client = TCIMClient(vendor.SDK_APP_ID, vendor.SECRET_KEY, vendor.ADMIN, f"{target.base_url}/v4")
    pairs = vendor.pairs()

    def operate() -> None:
        user, peer = next(pairs)
        asked = vendor.body(user, peer)
        response = client.set_user_message_read(user, peer, asked["MsgReadTime"])
        vendor.check(response.status_code, response.json())

    yield operate


@contextlib.contextmanager
def cloud_sdk(target: Target) -> Iterator[Operate]:
    """Open the generic client of `tencentcloud-sdk-python-common`, the vendor's own.

    It speaks the cloud API, which has no call for conversations; its request has the same size and answer.
    """
    os.environ["NO_PROXY"] = target.address[0]
    http = HttpProfile(endpoint=target.host, certification=target.ca_bundle, reqTimeout=vendor.TIMEOUT)
    profile = ClientProfile(httpProfile=http)
    client = CommonClient("im", "2021-01-01", Credential("id", vendor.SECRET_KEY), "ap-singapore", profile)
    pairs = vendor.pairs()

    def operate() -> None:
        answer = client.call_json("AdminSetMsgRead", vendor.body(*next(pairs)))
        if "RequestId" not in answer["Response"]:
            raise RuntimeError(f"refused: {answer}")

    yield operate


@contextlib.contextmanager
def floor(target: Target) -> Iterator[Operate]:
    """Open a socket that writes the same bytes each time, and reads as many as the answer has."""
    request = vendor.request(target.host, vendor.Query().fresh(), vendor.body(*next(vendor.pairs())))
    with connected(target) as connection:
        connection.sendall(request)
        size = len(connection.recv(RECEIVE))

        def operate() -> None:
            connection.sendall(request)
            left = size
            while left > 0:
                part = connection.recv(RECEIVE)
                if not part:
                    raise ConnectionError("the server hung up")
                left -= len(part)

        yield operate
