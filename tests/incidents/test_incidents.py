"""Incidents of others that could have been this library's, and the tests that hold what they taught.

Each test plays the incident, and fails on the behaviour that led to it; where that behaviour can be shown
beside it, a test of its own shows that the story is able to catch it.

| when, or id | what | lesson | played in |
|---|---|---|---|
| 20 March 2023 | ChatGPT showed others' chats | a dirty connection is closed | test_cancelled_exchange |
| 12 June 2025 | Google Cloud, herd at restart | chance in every return | test_herds |
| OSDI '22 | metastable failures | test the recovery too | test_overload |
| CVE-2024-6587 | LiteLLM, api_base | the host belongs to the key | test_hosts_of_credentials |
| March 2026 | LiteLLM and more, malicious | nothing that runs by itself | test_supply_chain |
| GHSA-rpj2-4hq8-938g | vcrpy ran cassettes | cassettes are data | test_cassette_code |
| CVE-2025-66418, on | urllib3, compressed answers | nothing is unpacked | test_bombs |
| 2022 to 2024 | httpcore, cancellation | cancel at every step | tests/transports/test_every_step |
| CVE-2025-43859 | h11, chunks | what are none are refused | test_chunks |
"""

from __future__ import annotations

import ast
import functools
import inspect
from pathlib import Path

import pytest
from attrs import frozen

ROOT = Path(__file__).parents[2]
HERE = "tests/incidents"


@frozen
class Incident:
    """What happened to others.

    Attributes:
        name: in a few words.
        when: when it did, or was told.
        source: where to read about it.
        lesson: what must hold here.
        tests: those that hold it; `path::name`.
    """

    name: str
    when: str
    source: str
    lesson: str
    tests: tuple[str, ...]


def at(path, *names):
    return tuple(f"{path}::test_{name}" for name in names)


INCIDENTS = [
    Incident(
        "ChatGPT: an answer left in a pooled connection",
        "2023-03-20",
        "https://openai.com/index/march-20-chatgpt-outage/",
        "a connection whose exchange did not end cleanly is closed, and its answer reaches nobody",
        (
            *at(
                f"{HERE}/test_cancelled_exchange.py",
                "a_client_that_keeps_its_connection_is_given_the_answer_of_another",
                "a_verb_cancelled_at_any_byte_of_its_answer_leaves_it_to_nobody",
                "a_verb_cancelled_at_any_step_leaves_its_answer_to_nobody",
                "a_verb_interrupted_at_any_byte_of_its_answer_leaves_it_to_nobody",
                "a_verb_whose_time_is_over_leaves_its_late_answer_to_nobody",
                "the_late_answers_of_a_cancelled_apply_reach_nobody",
                "over_a_transport_of_httpxs_own_a_cancelled_answer_is_left_to_nobody_either",
                "over_a_transport_of_httpxs_own_no_second_answer_becomes_that_of_the_next",
            ),
            *at(
                "tests/transports/test_connections.py",
                "what_comes_behind_an_answer_never_becomes_the_next_one",
                "a_connection_whose_exchange_failed_is_closed_and_not_used_again",
            ),
            *at(
                "tests/transports/test_process.py",
                "after_a_fork_parent_and_child_each_get_their_own_answers",
            ),
            *at(
                "tests/transports/test_interruption.py",
                "after_a_cancelled_exchange_the_next_one_gets_its_own_answer",
            ),
        ),
    ),
    Incident(
        "Google Cloud: a restart without randomised backoff",
        "2025-06-12",
        "https://status.cloud.google.com/incidents/ow5i3PPK96RduMcb1SsW",
        "there is chance in every return: retry, breaker, and the end of a pause",
        at(
            f"{HERE}/test_herds.py",
            "clients_that_failed_together_do_not_retry_together",
            "without_chance_they_would",
            "breakers_that_opened_together_do_not_close_together",
            "breakers_without_chance_would",
            "operations_held_back_by_a_pause_do_not_resume_together",
        ),
    ),
    Incident(
        "Metastable failures: retries that keep an overload alive",
        "2022-07-11",
        "https://www.usenix.org/conference/osdi22/presentation/huang-lexiang",
        "after an outage goodput is what it was, and the load was never much more",
        at(
            f"{HERE}/test_overload.py",
            "a_minute_after_an_outage_goodput_is_what_it_was_before",
            "an_outage_never_raises_the_load_by_more_than_a_tenth",
            "a_client_that_repeats_at_once_never_recovers",
            "a_client_that_repeats_at_once_multiplies_the_load_of_an_outage",
        )
        + at(
            "tests/core/test_budget.py", "an_outage_adds_a_tenth_to_the_calls_and_to_the_seconds_and_no_more"
        ),
    ),
    Incident(
        "LiteLLM: a caller's api_base was sent the stored key",
        "CVE-2024-6587",
        "https://nvd.nist.gov/vuln/detail/CVE-2024-6587",
        "the host belongs to the account; no call, answer or id leads elsewhere",
        (
            *at(
                f"{HERE}/test_hosts_of_credentials.py",
                "no_call_can_say_where_it_goes",
                "no_value_that_is_sent_can_say_where_it_goes",
                "no_option_of_a_client_can_say_where_it_goes",
                "a_verb_that_is_told_a_host_is_not_called",
                "the_url_of_an_account_names_no_host",
                "no_location_of_an_answer_is_gone_to",
                "a_client_that_follows_takes_its_credentials_along",
                "an_id_changes_neither_host_nor_path",
                "an_id_that_stands_in_a_path_is_one_segment_of_it",
                "an_id_that_a_path_would_resolve_away_is_not_sent",
                "an_id_that_is_pasted_into_a_url_names_the_host",
            ),
            *at("tests/transports/test_isolation.py", "a_redirect_is_never_followed"),
            *at("tests/core/test_settings.py", "any_other_base_url_is_refused_by_name_and_not_repeated"),
            *at("tests/wire/test_ids.py", "ids_that_mean_something_to_urls_and_json_mean_nothing_here"),
        ),
    ),
    Incident(
        "Malicious releases: LiteLLM 1.82.7 and 1.82.8, lightning 2.6.2 and 2.6.3, mistralai 2.4.6",
        "2026-03-24, 2026-04-30, 2026-05-12",
        "https://osv.dev/vulnerability/MAL-2026-2144",
        "few dependencies, nothing that runs by itself or when imported, no plugin that was not named",
        (
            *at(
                f"{HERE}/test_supply_chain.py",
                "a_release_needs_these_eight_and_no_more",
                "a_release_holds_nothing_that_runs_by_itself",
                "a_file_that_runs_by_itself_would_be_found",
                "a_release_is_built_without_running_anything_of_ours",
                "importing_opens_no_socket_starts_nothing_writes_nothing_and_reads_no_environment",
                "a_module_that_did_would_be_found",
            ),
            *at("tests/core/test_registry.py", "nothing_is_loaded_that_was_not_asked_for"),
            *at(
                "tests/core/test_imports.py", "a_plugin_is_loaded_when_its_name_is_asked_for_and_no_other_is"
            ),
        ),
    ),
    Incident(
        "vcrpy up to 8.2.0: loading a cassette ran what was in it",
        "GHSA-rpj2-4hq8-938g",
        "https://github.com/advisories/GHSA-rpj2-4hq8-938g",
        "cassettes are JSON, and no older recorder is used",
        (
            *at(
                f"{HERE}/test_cassette_code.py",
                "every_cassette_is_json",
                "a_cassette_that_holds_code_is_refused_and_runs_nothing",
                "the_recorder_itself_runs_nothing_of_a_cassette",
                "a_loader_that_trusts_runs_it",
                "no_older_recorder_is_asked_for_or_installed",
            ),
            *at("tests/cassettes/test_lint.py", "a_cassette_in_yaml_is_found"),
            *at("tests/core/test_banned_calls.py", "a_file_breaks_no_rule"),
        ),
    ),
    Incident(
        "urllib3 2.6.0, 2.6.3, 2.7.0: ways around the guards over compressed answers",
        "CVE-2025-66418, CVE-2025-66471, CVE-2026-21441, CVE-2026-44431, CVE-2026-44432",
        "https://github.com/urllib3/urllib3/security/advisories",
        "nothing is ever unpacked; nothing is kept across a redirect behind a proxy, for none is followed",
        (
            *at(
                f"{HERE}/test_bombs.py",
                "a_bomb_is_refused_by_what_its_head_says_and_nothing_is_unpacked",
                "a_bomb_is_unpacked_under_no_status",
                "no_number_of_encodings_is_undone",
                "no_encoding_of_the_transfer_is_undone",
                "a_bomb_that_does_not_say_so_is_no_json",
                "a_client_that_unpacks_holds_it_all",
                "a_redirect_behind_a_proxy_takes_nothing_anywhere",
                "a_proxy_is_told_nothing_of_what_another_origin_was_sent",
                "a_client_that_follows_behind_a_proxy_takes_its_headers_along",
            ),
            *at("tests/core/test_hostile_memory.py", "no_answer_within_the_cap_takes_more_than_16_mib"),
        ),
    ),
    Incident(
        "httpcore: cancellation changed in 0.16.0, went back in 0.16.2, was mended in 0.17.3 and 1.0.3",
        "2022-10 to 2024-02",
        "https://github.com/encode/httpcore/blob/master/CHANGELOG.md",
        "cancelling at any step leaks nothing; held by tests of our own at every upgrade",
        (
            *at(
                "tests/transports/test_every_step.py",
                "a_verb_cancelled_after_any_number_of_steps_leaves_nothing_behind",
                "a_verb_cancelled_while_it_waits_for_its_slot_gives_the_slot_back",
            ),
            *at(
                "tests/transports/test_interruption.py",
                "cancelling_closes_the_connection_and_leaves_no_frame_of_a_library",
                "cancelling_a_handshake_closes_the_connection_and_leaves_no_frame_of_a_library",
                "cancelling_an_apply_closes_every_connection_in_use",
            ),
        ),
    ),
    Incident(
        "h11 before 0.16: any two bytes behind a chunk passed for its line end",
        "CVE-2025-43859, GHSA-vqfr-h8mv-ghfj",
        "https://github.com/python-hyper/h11/security/advisories/GHSA-vqfr-h8mv-ghfj",
        "chunks that are none end as an error, with the connection closed",
        at(
            f"{HERE}/test_chunks.py",
            "chunks_that_are_none_end_as_an_error_with_the_connection_closed",
            "a_lax_reader_takes_them_for_an_answer",
            "an_answer_that_states_a_length_and_comes_in_chunks_keeps_no_connection",
        ),
    ),
]


@functools.cache
def functions_of(path):
    file = ROOT / path
    tree = ast.parse(file.read_text("utf-8")) if file.is_file() else ast.Module([], [])
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def exists(test):
    path, _, name = test.partition("::")
    return name in functions_of(path)


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.name)
def test_an_incident_is_held_by_tests_that_exist(incident):
    assert [test for test in incident.tests if not exists(test)] == []
    assert incident.tests
    assert incident.lesson
    assert incident.source.startswith("https://")


def test_a_test_that_does_not_exist_is_found():
    assert exists(f"{HERE}/test_incidents.py::test_a_test_that_does_not_exist_is_found")
    assert not exists(f"{HERE}/test_incidents.py::test_that_nobody_wrote")
    assert not exists(f"{HERE}/test_no_such_file.py::test_anything")


def test_every_test_of_this_folder_holds_an_incident():
    named = {test for incident in INCIDENTS for test in incident.tests}
    for file in sorted((ROOT / HERE).glob("test_*.py")):
        path = f"{HERE}/{file.name}"
        ours = {f"{path}::{name}" for name in functions_of(path) if name.startswith("test_")}
        if file.name == Path(__file__).name:
            continue
        assert ours & named, f"{path} is of no incident"
        # What is not named shows that a check can fail, and stands beside one that is.
        assert len(ours - named) <= 1, ours - named


def test_the_table_at_the_top_has_a_row_for_each():
    rows = [line for line in inspect.getdoc(inspect.getmodule(exists)).splitlines() if line.startswith("| ")]
    assert len(rows) - 1 == len(INCIDENTS)
