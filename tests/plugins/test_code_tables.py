"""The code tables of the first-party plugins, against expectations typed by hand from the vendors' pages."""

from __future__ import annotations

import pickle
from typing import NamedTuple

import pytest

from convops.errors import (
    AuthenticationError,
    Effect,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    OperationError,
    PermissionDeniedError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
)
from convops.provider import CodeKey, CodeTable, error_for
from convops_matrix import codes
from convops_matrix.codes import CODES as MATRIX
from convops_tencent.codes import CODES as TENCENT
from convops_zego.codes import ALREADY_SO
from convops_zego.codes import CODES as ZEGO

NOT_APPLIED = Effect.NOT_APPLIED
UNKNOWN = Effect.UNKNOWN
AGAIN = True
FINAL = False

ZEGO_CODES = {
    *(1, 2, 3, 7, 50014, 51102, 105001),
    *range(100000000, 100000018),
    *(660000001, 660000002, 660000003, 660000011, 660000012),
    *range(660000022, 660000029),
    660200001,
    *(660300001, 660300002, 660300005, 660300006, 660300007, 660300008),
    *(660300012, 660300013, 660300014, 660300015, 660300019),
    *(660400001, 660400102, 660400103, 660400104),
    *(660500002, 660500003, 660500004, 660500005, 660500006, 660500007, 660500009, 660500010),
    660600001,
    *range(660600003, 660600018),
    *range(660600019, 660600025),
    *(660600028, 660600029, 660600030, 660600032, 660600033),
    *(660700001, 660700002, 660700006, 660700007, 660700008),
    *(660700012, 660700013, 660700015, 660700016, 660700017),
    *(660800001, 660800002),
    *range(660800019, 660800029),
    *(660800030, 660800032, 660800033, 660800034),
    *range(660800037, 660800047),
    *(660800048, 660800051, 660800052, 660800053, 660800054),
    *range(660900003, 660900009),
    *(661000001, 661000005),
}

TENCENT_CODES = {
    *range(60002, 60023),
    *range(60025, 60029),
    *range(80001, 80006),
    *(70001, 70002, 70003, 70005, 70009),
    *range(70013, 70021),
    *(70050, 70051, 70052, 70101, 70107, 70114, 70169),
    *(70201, 70202, 70203, 70205, 70206, 70207, 70208, 70212, 70213, 70221, 70222, 70225),
    *(70398, 70399, 70402, 70403, 70404, 70500, 71000),
    *(72000, 72001, 72002, 72010, 72011, 72012),
    *(90001, 90002, 90003, 90005, 90006, 90007, 90008, 90009, 90010, 90011, 90012, 90018),
    *(90022, 90024, 90026, 90028, 90029, 90030, 90031, 90032, 90033, 90034),
    *(90040, 90043, 90044, 90045, 90047, 90048, 90054, 90055, 90057),
    *(90992, 90994, 90995, 91000, 91101, 93000),
    *(50001, 50002, 50003, 50004, 50005),
    *range(51006, 51013),
    *(10002, 10003, 10004, 10005, 10006, 10007),
    *range(10009, 10020),
    *(10021, 10023, 10024, 10025, 10026),
    *range(10030, 10039),
    *(10041, 10044),
    *range(10045, 10055),
    *(10056, 10058, 10059, 10060, 10061, 10062, 10063, 10070, 11000),
    *(110006, 110007, 110008, 110010, 110011, 110012, 110013, 110014),
    *(20004, 20005, 20018, 20028),
}


class Expected(NamedTuple):
    """What one code is, typed by hand."""

    code: CodeKey
    error: type[OperationError]
    retryable: bool
    effect: Effect
    what: str | None = None
    expired: bool | None = None
    retry_after: float | None = None


ZEGO_EXPECTED = [
    Expected(1, ProviderUnavailableError, AGAIN, UNKNOWN),
    Expected(2, InvalidRequestError, FINAL, NOT_APPLIED),
    Expected(3, AuthenticationError, FINAL, NOT_APPLIED, expired=False),
    Expected(7, RateLimitedError, AGAIN, NOT_APPLIED),
    Expected(51102, NotFoundError, FINAL, NOT_APPLIED, what="user"),
    Expected(105001, ProviderUnavailableError, AGAIN, UNKNOWN),
    Expected(100000000, InvalidRequestError, FINAL, NOT_APPLIED),
    Expected(100000004, AuthenticationError, FINAL, NOT_APPLIED, expired=True),
    Expected(100000005, AuthenticationError, FINAL, NOT_APPLIED, expired=False),
    Expected(100000010, AuthenticationError, FINAL, NOT_APPLIED, expired=False),
    Expected(100000011, AuthenticationError, FINAL, NOT_APPLIED, expired=False),
    Expected(100000012, ProviderUnavailableError, AGAIN, UNKNOWN),
    Expected(100000015, ProviderUnavailableError, AGAIN, UNKNOWN),
    Expected(100000017, PermissionDeniedError, FINAL, NOT_APPLIED),
    Expected(660000001, ProviderUnavailableError, AGAIN, UNKNOWN),
    Expected(660000002, InvalidRequestError, FINAL, NOT_APPLIED),
    Expected(660000003, ProviderUnavailableError, AGAIN, UNKNOWN),
    Expected(660000012, InvalidRequestError, FINAL, NOT_APPLIED),
    Expected(660000028, PermissionDeniedError, FINAL, NOT_APPLIED),
    Expected(660300005, RateLimitedError, AGAIN, NOT_APPLIED),
    Expected(660300006, RateLimitedError, AGAIN, NOT_APPLIED),
    Expected(660400102, InvalidRequestError, FINAL, NOT_APPLIED),
    Expected(660400103, ProviderUnavailableError, FINAL, UNKNOWN),
    Expected(660400104, ProviderUnavailableError, FINAL, UNKNOWN),
    Expected(660500002, NotFoundError, FINAL, NOT_APPLIED, what="user"),
    Expected(660600001, NotFoundError, FINAL, NOT_APPLIED, what="group"),
    Expected(660600009, NotFoundError, FINAL, NOT_APPLIED, what="group"),
    Expected(660600024, PermissionDeniedError, FINAL, NOT_APPLIED),
    Expected(660700012, NotFoundError, FINAL, NOT_APPLIED, what="user"),
    Expected(660700015, NotFoundError, FINAL, NOT_APPLIED, what="peer"),
    Expected(660800002, NotFoundError, FINAL, NOT_APPLIED, what="conversation"),
    Expected(660800030, LimitExceededError, FINAL, NOT_APPLIED),
    Expected(660800053, ProviderUnavailableError, FINAL, UNKNOWN),
]

TENCENT_EXPECTED = [
    Expected(60003, InvalidRequestError, FINAL, NOT_APPLIED),
    Expected(60004, AuthenticationError, AGAIN, NOT_APPLIED, expired=False),
    Expected(60005, AuthenticationError, AGAIN, NOT_APPLIED, expired=False),
    Expected(60007, RateLimitedError, AGAIN, NOT_APPLIED),
    Expected(60008, ProviderUnavailableError, AGAIN, UNKNOWN),
    Expected(60010, PermissionDeniedError, FINAL, NOT_APPLIED),
    Expected(60011, RateLimitedError, AGAIN, NOT_APPLIED),
    Expected(60013, ProviderUnavailableError, FINAL, UNKNOWN),
    Expected(60018, RateLimitedError, AGAIN, NOT_APPLIED),
    Expected(60019, RateLimitedError, AGAIN, NOT_APPLIED),
    Expected(60020, PermissionDeniedError, FINAL, NOT_APPLIED),
    Expected(60021, PermissionDeniedError, FINAL, NOT_APPLIED),
    Expected(60022, ProviderUnavailableError, FINAL, UNKNOWN),
    Expected(60026, AuthenticationError, FINAL, NOT_APPLIED, expired=False),
    Expected(60028, LimitExceededError, FINAL, NOT_APPLIED),
    Expected(70001, AuthenticationError, FINAL, NOT_APPLIED, expired=True),
    Expected(70002, AuthenticationError, FINAL, NOT_APPLIED, expired=False),
    Expected(70009, AuthenticationError, FINAL, NOT_APPLIED, expired=False),
    Expected(70020, AuthenticationError, FINAL, NOT_APPLIED, expired=False),
    Expected(70050, RateLimitedError, AGAIN, NOT_APPLIED, retry_after=60.0),
    Expected(70051, PermissionDeniedError, FINAL, NOT_APPLIED),
    Expected(70052, AuthenticationError, FINAL, NOT_APPLIED, expired=True),
    Expected(70101, AuthenticationError, FINAL, NOT_APPLIED, expired=True),
    Expected(70107, NotFoundError, FINAL, NOT_APPLIED, what="user"),
    Expected(70169, ProviderUnavailableError, AGAIN, UNKNOWN),
    Expected(72002, LimitExceededError, FINAL, NOT_APPLIED),
    Expected(90003, NotFoundError, FINAL, NOT_APPLIED, what="peer"),
    Expected(90008, NotFoundError, FINAL, NOT_APPLIED, what="user"),
    Expected(90994, ProviderUnavailableError, AGAIN, UNKNOWN),
    Expected(50001, NotFoundError, FINAL, NOT_APPLIED, what="user"),
    Expected(50005, ProviderUnavailableError, AGAIN, UNKNOWN),
    Expected(51007, PermissionDeniedError, AGAIN, NOT_APPLIED),
    Expected(10002, ProviderUnavailableError, AGAIN, UNKNOWN),
    Expected(10006, RateLimitedError, AGAIN, NOT_APPLIED),
    Expected(10007, PermissionDeniedError, FINAL, NOT_APPLIED),
    Expected(10010, NotFoundError, FINAL, NOT_APPLIED, what="group"),
    Expected(10015, NotFoundError, FINAL, NOT_APPLIED, what="group"),
    Expected(10019, NotFoundError, FINAL, NOT_APPLIED, what="user"),
]

MATRIX_EXPECTED = [
    Expected(("leave", 401, "M_UNKNOWN_TOKEN"), AuthenticationError, FINAL, NOT_APPLIED, expired=False),
    Expected(("leave", 401, "M_USER_LOCKED"), PermissionDeniedError, FINAL, NOT_APPLIED),
    Expected(("leave", 429, "M_LIMIT_EXCEEDED"), RateLimitedError, AGAIN, NOT_APPLIED),
    Expected(("whoami", 403, "M_FORBIDDEN"), PermissionDeniedError, FINAL, NOT_APPLIED),
    Expected(("read_member", 403, "M_FORBIDDEN"), NotFoundError, FINAL, NOT_APPLIED, what="conversation"),
    Expected(("leave", 404, "M_UNKNOWN"), NotFoundError, FINAL, NOT_APPLIED, what="conversation"),
    Expected(("read_markers", 404, "M_UNKNOWN"), NotFoundError, FINAL, NOT_APPLIED, what="conversation"),
    Expected(("set_push_rule", 400, "M_UNKNOWN"), InvalidRequestError, FINAL, NOT_APPLIED),
    Expected(("forget", 400, "M_UNKNOWN"), PermissionDeniedError, FINAL, NOT_APPLIED),
    Expected(("forget", 500, "M_UNKNOWN"), ProviderUnavailableError, AGAIN, UNKNOWN),
    Expected(("leave", 403, "M_FORBIDDEN"), NotFoundError, FINAL, NOT_APPLIED, what="conversation"),
    Expected(("set_push_rule", 403, "M_FORBIDDEN"), PermissionDeniedError, FINAL, NOT_APPLIED),
    Expected(("set_tag", 403, "M_RESOURCE_LIMIT_EXCEEDED"), LimitExceededError, FINAL, NOT_APPLIED),
    Expected(("set_tag", 404, "M_UNKNOWN"), ProviderError, FINAL, UNKNOWN),
]

TABLES = [
    pytest.param(ZEGO, id="zego"),
    pytest.param(TENCENT, id="tencent"),
    pytest.param(MATRIX, id="matrix"),
]
ROWS = [
    pytest.param(table, code, id=f"{name}-{code}")
    for name, table in (("zego", ZEGO), ("tencent", TENCENT), ("matrix", MATRIX))
    for code in table
]
EXPECTED = [
    pytest.param(table, expected, id=f"{name}-{expected.code}")
    for name, table, rows in (
        ("zego", ZEGO, ZEGO_EXPECTED),
        ("tencent", TENCENT, TENCENT_EXPECTED),
        ("matrix", MATRIX, MATRIX_EXPECTED),
    )
    for expected in rows
]


@pytest.mark.parametrize(
    ("table", "documented"),
    [pytest.param(ZEGO, ZEGO_CODES, id="zego"), pytest.param(TENCENT, TENCENT_CODES, id="tencent")],
)
def test_every_documented_code_has_a_row_and_no_other(table: CodeTable, documented: set[int]) -> None:
    assert set(table) == documented


@pytest.mark.parametrize(("table", "code"), ROWS)
def test_a_row_builds_an_error_of_its_class_that_keeps_code_and_request_id(
    table: CodeTable, code: CodeKey
) -> None:
    error = error_for(table, code, request_id="r-1")

    assert type(error) is (table[code].error or ProviderError)
    assert error.code == (code[-1] if isinstance(code, tuple) else code)
    assert error.request_id == "r-1"


@pytest.mark.parametrize(("table", "code"), ROWS)
def test_a_row_never_claims_that_anything_was_applied(table: CodeTable, code: CodeKey) -> None:
    assert error_for(table, code).effect in {NOT_APPLIED, UNKNOWN}


@pytest.mark.parametrize(("table", "code"), ROWS)
def test_a_meaning_is_one_short_ascii_phrase(table: CodeTable, code: CodeKey) -> None:
    meaning = table[code].meaning

    assert meaning.isascii()
    assert meaning.isprintable()
    assert meaning == meaning.strip()
    assert not meaning.endswith(".")
    assert 5 < len(meaning) < 100


@pytest.mark.parametrize(("table", "code"), ROWS)
def test_a_row_names_the_public_page_it_came_from(table: CodeTable, code: CodeKey) -> None:
    assert table[code].source.startswith("https://")


@pytest.mark.parametrize(("table", "code"), ROWS)
def test_the_error_of_a_row_survives_pickling_with_every_attribute(table: CodeTable, code: CodeKey) -> None:
    error = error_for(table, code, request_id="r-1")

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert (type(copy), copy.args, vars(copy)) == (type(error), error.args, vars(error))


@pytest.mark.parametrize(("table", "expected"), EXPECTED)
def test_an_important_code_is_what_the_vendor_documents(table: CodeTable, expected: Expected) -> None:
    error = error_for(table, expected.code)

    found = Expected(
        expected.code,
        type(error),
        error.retryable,
        error.effect,
        what=getattr(error, "what", None),
        expired=getattr(error, "expired", None),
        retry_after=error.retry_after,
    )
    assert found == expected


def test_the_zego_codes_for_a_state_that_already_holds_carry_no_error() -> None:
    assert frozenset({660800051, 660800052}) == ALREADY_SO
    assert {code for code, row in ZEGO.items() if row.error is None} == ALREADY_SO


def test_every_tencent_row_is_an_error() -> None:
    assert all(row.error for row in TENCENT.values())


def test_every_matrix_row_is_an_error_and_names_a_call_that_is_made() -> None:
    actions = {value for name, value in vars(codes).items() if name.isupper() and isinstance(value, str)}
    assert all(row.error for row in MATRIX.values())
    assert {action for action, _, _ in MATRIX} <= {*actions, "*"}


def test_a_row_for_any_call_gives_way_to_the_calls_own() -> None:
    assert type(error_for(MATRIX, ("set_tag", 403, "M_FORBIDDEN"))) is NotFoundError
    assert type(error_for(MATRIX, ("read_push_rule", 403, "M_FORBIDDEN"))) is PermissionDeniedError


def test_the_zego_conversation_that_is_not_found_is_explained_by_the_latest_1000() -> None:
    assert "latest 1000" in error_for(ZEGO, 660800002).args[0]


@pytest.mark.parametrize("code", [60026, 70016, 70020])
def test_a_tencent_app_of_another_data_centre_is_told_of_the_region_setting(code: int) -> None:
    assert "region" in error_for(TENCENT, code).args[0]


def test_a_wrong_zego_host_is_told_of_region_and_base_url() -> None:
    assert error_for(ZEGO, 100000000).args[0] == "wrong host: check region or base_url"


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("code", [0, 424242, 660000013, 120001, 90004, -1])
def test_a_code_without_a_row_is_kept_verbatim_and_nothing_is_claimed(
    table: CodeTable, code: CodeKey
) -> None:
    error = error_for(table, code)

    assert type(error) is ProviderError
    assert error.code == code
    assert error.effect is UNKNOWN
    assert not error.retryable
