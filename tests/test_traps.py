"""What has gone wrong in control planes before, and which tests keep it from happening here."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent

RACES = "core/orchestration/test_races.py"
CRASHES = "core/orchestration/test_crashes.py"
PROVISIONING = "core/orchestration/test_provisioning.py"
STARTING = "core/orchestration/test_starting.py"
TERMINATING = "core/orchestration/test_terminating.py"
SWEEPING = "core/orchestration/test_sweeping.py"
LOSS = "core/orchestration/test_mass_loss.py"
EVERYTHING = "core/orchestration/test_everything.py"
LEASES = "adapters/instances/test_leases.py"
INSTANCES = "adapters/instances/test_contract.py"
BUS = "adapters/kernel/test_bus.py"
SCALEWAY = "adapters/cloud/scaleway/test_provider.py"
ACCOUNTS = "adapters/cloud/test_accounts.py"
INSTALL = "adapters/cloud/install/test_script.py"
WORKERS = "core/workers/test_use_cases.py"
TOKENS = "core/workers/test_tokens.py"
HEARTBEATS = "core/workers/test_heartbeats.py"
WORKER_ROUTES = "http/workers/test_routes.py"
END_TO_END = "acceptance/test_scaleway.py"
KILLED = "acceptance/test_crashes.py"
KILLED_BESIDE = "acceptance/test_killed_orchestrators.py"
LIFECYCLE = "core/orchestration/test_lifecycle.py"
WHATEVER = f"{LIFECYCLE}::test_whatever_happens_nothing_is_lost_rented_twice_or_left_undone"
RENTALS = "core/orchestration/test_rentals.py"
BOOKS = "adapters/finops/test_books.py"
SIZES = "core/models/test_entities.py"
DEPLOYMENTS = "http/deployments/test_routes.py"

TRAPS: dict[str, tuple[str, ...]] = {
    # lost messages
    "a bus that breaks leaves a process deaf": (
        f"{BUS}::test_a_bus_survives_a_restart_of_redis",
        f"{BUS}::test_garbage_on_the_channel_is_passed_over",
    ),
    "a command has another shape than its reader expects, and is lost": (
        f"{LEASES}::test_what_was_asked_for_survives_the_death_of_the_one_who_had_it",
    ),
    "what was asked for is only a message": (
        f"{LEASES}::test_what_was_asked_for_during_a_claim_is_done_after_it",
        f"{KILLED}::test_a_deployment_survives_being_killed_at_any_moment",
    ),
    "a request that failed is carried out all the same, and repeated": (
        "adapters/kernel/test_outbox.py::test_nothing_is_published_before_the_commit",
        f"{DEPLOYMENTS}::test_a_request_that_is_sent_again_makes_one_instance",
    ),
    # rented twice, and never given back
    "two work on one instance": (
        f"{LEASES}::test_what_is_claimed_is_nobody_elses_until_it_runs_out",
        f"{CRASHES}::test_nobody_works_on_what_somebody_works_on",
        f"{KILLED_BESIDE}::test_whoever_of_two_is_killed_nothing_is_lost_or_doubled",
        WHATEVER,
    ),
    "a crash after the order, and a second machine": (
        f"{PROVISIONING}::test_a_machine_whose_order_was_never_answered_is_found_by_its_tag",
        f"{EVERYTHING}::test_an_honest_provider_never_rents_us_two_machines_for_one_instance",
        f"{SCALEWAY}::test_a_server_carries_name_and_tags_and_what_cloud_init_reads",
    ),
    "the machine of whoever loses a race is nobody's": (
        f"{PROVISIONING}::test_of_two_machines_the_recorded_one_is_kept",
        f"{SWEEPING}::test_an_instance_with_another_machine_than_it_knows_is_looked_at",
    ),
    "an answer that does not come is taken for a no": (
        f"{SCALEWAY}::test_a_lost_answer_leaves_a_server_that_is_found_and_never_started",
        f"{END_TO_END}::test_a_server_made_without_an_answer_is_given_up_and_another_serves",
    ),
    "an instance that ends while its machine is being ordered": (
        f"{CRASHES}::test_an_order_that_arrives_after_the_end_is_swept_away",
        f"{RACES}::test_once_termination_is_asked_for_nothing_more_is_asked_of_the_provider",
        f"{TERMINATING}::test_an_order_that_was_not_answered_is_waited_for_before_the_end",
        WHATEVER,
    ),
    "what failed keeps its machine": (
        f"{STARTING}::test_a_worker_that_never_comes_is_waited_for_and_then_given_up",
        f"{SWEEPING}::test_what_has_a_machine_depends_on_the_status_alone",
        f"{STARTING}::test_a_worker_that_reports_and_never_serves_gets_one_more_chance_not_endless_ones",
    ),
    "a refused key, or trouble, is taken for the end of a machine": (
        f"{SCALEWAY}::test_only_a_list_without_the_machine_says_that_there_is_none",
        f"{SCALEWAY}::test_a_server_is_absent_only_if_the_api_itself_says_so",
        f"{END_TO_END}::test_a_key_that_is_revoked_ends_no_machine",
        f"{LOSS}::test_when_the_provider_denies_everything_every_machine_stays",
    ),
    "disks are called deleted that are not": (
        f"{SCALEWAY}::test_a_disk_in_use_is_not_deleted_and_nobody_says_so",
        f"{SCALEWAY}::test_a_running_server_goes_with_all_its_disks",
    ),
    "a malformed address, whose 404 means success": (
        f"{SCALEWAY}::test_what_could_never_work_is_refused_before_anything_is_rented",
        f"{TERMINATING}::test_the_end_takes_two_definite_answers",
    ),
    "nobody looks for machines that are not in the books, or takes in those of others": (
        f"{SWEEPING}::test_a_machine_of_no_instance_is_a_stray",
        f"{SWEEPING}::test_the_machines_of_other_installations_are_not_ours_to_judge",
        f"{SCALEWAY}::test_lists_are_read_to_their_end",
        f"{SCALEWAY}::test_offers_have_prices_and_say_what_is_left",
    ),
    "costs begin twice, never end, or follow the status": (
        f"{RENTALS}::test_a_machine_costs_from_when_it_was_made_until_its_end_is_confirmed",
        f"{RENTALS}::test_what_never_had_a_machine_costs_nothing",
        f"{BOOKS}::test_a_machine_is_rented_once_however_often_it_is_seen",
        f"{BOOKS}::test_a_week_that_nobody_closed_is_closed_at_once",
        f"{BOOKS}::test_volumes_cost_beside_the_machine_what_they_did_when_it_was_rented",
        WHATEVER,
    ),
    "a disk that is too small for the model, or did not grow": (
        f"{SCALEWAY}::test_a_disk_that_does_not_grow_is_no_success",
        f"{PROVISIONING}::test_the_order_says_what_the_machine_needs_besides",
        f"{SIZES}::test_the_volume_follows_from_the_weights_and_not_from_the_name",
    ),
    # stuck
    "a start that is tried a few times and then forgotten": (
        f"{PROVISIONING}::test_trouble_that_does_not_pass_is_given_up_in_time",
        f"{DEPLOYMENTS}::test_a_refusal_has_the_code_that_clients_know_and_leaves_only_a_log",
    ),
    "a dead worker stays in service": (
        f"{STARTING}::test_a_silent_worker_is_taken_out_of_service_and_back",
    ),
    "deadlines that count from the wrong moment": (
        f"{STARTING}::test_every_status_on_the_way_has_its_deadline",
        f"{STARTING}::test_a_worker_that_comes_late_is_welcome",
    ),
    "what hangs on its way is billed, and no check counts": (
        f"{STARTING}::test_every_status_on_the_way_has_its_deadline",
        f"{STARTING}::test_a_worker_that_reports_and_never_serves_gets_one_more_chance_not_endless_ones",
        WHATEVER,
    ),
    "one bad machine is tried without a pause, and starves the others": (
        f"{PROVISIONING}::test_waits_between_failures_grow",
        f"{LEASES}::test_claims_at_the_same_time_share_the_work",
        f"{STARTING}::test_what_was_due_at_once_does_not_stay_so",
    ),
    "an agent that has lost its token is locked out": (
        f"{TOKENS}::test_an_agent_that_has_lost_its_token_gets_another_once_it_was_silent",
        f"{TOKENS}::test_the_machine_gets_its_new_token_with_the_next_heartbeat",
    ),
    "an address that comes back belongs to another instance": (
        f"{WORKERS}::test_the_token_of_one_machine_is_no_use_on_another",
    ),
    "an installer that trips over its own words, or another's disk": (
        f"{INSTALL}::test_an_empty_disk_is_formatted_once_and_mounted",
        f"{INSTALL}::test_a_disk_that_holds_something_is_left_alone",
        f"{INSTALL}::test_to_run_it_again_changes_nothing_that_is_right",
    ),
    "an installation that needs what the server does not have": (
        f"{INSTALL}::test_user_data_is_what_cloud_init_reads",
    ),
    # races
    "a late step undoes a later one": (
        f"{CRASHES}::test_whoever_sleeps_through_its_lease_changes_nothing_on_waking_up",
        f"{INSTANCES}::test_a_change_to_what_has_changed_is_refused",
    ),
    "work that outlives its lease": (
        f"{LEASES}::test_an_old_token_opens_nothing",
        f"{LEASES}::test_a_renewed_lease_lasts_longer",
    ),
    "a lock that is gone before the work begins": (
        f"{LEASES}::test_a_lease_that_is_held_cannot_be_taken_over_before_the_work_ends",
        f"{INSTANCES}::test_a_locked_instance_waits_for_its_turn",
    ),
    "an installation is started twice": (
        f"{SCALEWAY}::test_the_user_data_is_set_before_the_tag_that_says_that_all_is",
    ),
    "a status is written whatever it was": (
        f"{INSTANCES}::test_changes_of_status_and_only_those_are_remembered",
        "core/instances/test_entities.py::test_no_way_leaves_the_table",
    ),
    "an old packet, or the server itself, speaks for a worker": (
        f"{HEARTBEATS}::test_what_comes_after_something_newer_changes_nothing",
        f"{HEARTBEATS}::test_a_process_that_was_replaced_is_heard_no_more",
    ),
    "rules of a firewall that others share are rewritten": (
        f"{SCALEWAY}::test_a_group_of_somebody_else_is_left_alone",
    ),
    "a failure that passes destroys a machine": (
        f"{SCALEWAY}::test_failures_that_pass_are_not_noticed",
        f"{PROVISIONING}::test_trouble_passes",
    ),
    "heartbeats wait behind everything else": (
        f"{HEARTBEATS}::test_no_query_is_made_for_a_worker_that_is_known",
        f"{WORKER_ROUTES}::test_too_many_at_once_are_told_to_come_back",
    ),
    # security
    "a header decides who a machine is": (
        f"{WORKER_ROUTES}::test_others_get_no_token_whatever_they_claim",
    ),
    "one token for all machines": (
        f"{TOKENS}::test_a_token_that_is_good_for_all_is_so_only_if_an_operator_has_set_one",
        f"{WORKER_ROUTES}::test_a_token_is_good_for_its_own_instance_only",
    ),
    "internal doors are open": (
        f"{WORKER_ROUTES}::test_strangers_do_not_learn_which_instances_there_are",
        "http/kernel/test_errors.py::test_our_own_mistakes_say_nothing_about_us",
        "http/access/test_matrix.py::test_every_route_lets_in_whom_the_table_says",
    ),
    "engines are open to the world": (
        f"{SCALEWAY}::test_only_callers_reach_only_the_engine",
        f"{SCALEWAY}::test_nothing_is_let_in_where_nothing_has_to",
    ),
    "secrets travel over connections that nobody has checked": (
        f"{SCALEWAY}::test_what_a_machine_was_told_can_be_forgotten",
        f"{STARTING}::test_what_a_machine_was_told_is_forgotten_when_it_knows",
    ),
    "machines run what somebody else has put there meanwhile": (
        f"{INSTALL}::test_what_has_arrived_otherwise_than_it_was_sent_is_not_run",
        f"{INSTALL}::test_the_image_of_the_engine_is_a_certain_one",
        f"{INSTALL}::test_every_value_arrives_as_it_is_or_is_refused",
    ),
    "one organization's settings or keys are used for another, or logged": (
        f"{ACCOUNTS}::test_each_organization_rents_with_its_own_key",
        f"{SCALEWAY}::test_no_answer_and_no_log_shows_the_key_or_the_token",
        f"{INSTALL}::test_no_secret_is_an_argument_a_word_of_the_log_or_left_in_the_user_data",
    ),
    "what a worker says breaks the server, or fills it": (
        f"{WORKER_ROUTES}::test_a_worker_that_says_too_much_is_cut_off",
        f"{WORKER_ROUTES}::test_what_is_no_json_or_endless_is_refused_and_nothing_breaks",
    ),
    # data
    "an action that never ends": (
        f"{PROVISIONING}::test_every_step_of_the_way_is_on_record_and_has_succeeded",
        f"{CRASHES}::test_a_refusal_ends_what_was_cut_off_before",
    ),
    "what real machines measure is not there": (
        f"{END_TO_END}::test_from_credentials_to_a_served_model_and_back_to_nothing",
        "http/workers/test_readings.py::test_readings_are_numbers_in_range",
    ),
    "what is written of it is another thing than it is": (
        "http/test_routes.py::test_the_api_is_the_one_that_was_agreed_on",
        "test_readme.py::test_the_settings_it_names_are_settings",
        "test_readme.py::test_the_map_has_every_domain_and_what_it_says_of_itself",
    ),
    # beyond all of them
    "everything seems to be lost at once": (
        f"{LOSS}::test_a_provider_that_forgets_everything_is_not_believed",
        f"{LOSS}::test_books_that_know_of_nothing_delete_nothing",
        f"{LOSS}::test_when_all_heartbeats_stop_every_machine_stays",
    ),
}

BUILT_OUT: dict[str, tuple[str, str] | tuple[str, str, str]] = {
    "a command is lost, or not understood": (
        "What is to be done is a row; messages wake whoever looks, and tell nobody here more.",
        r"""["']CMD:""",
        "inventiv_adapters/orchestration/messages.py",
    ),
    "an installer gets into machines, and trusts whatever host answers": (
        "A machine is told everything when it is ordered; nobody enters it.",
        r"""StrictHostKeyChecking|paramiko|asyncssh|["']ssh["']""",
    ),
    "a program is missing beside the server, or keeps it waiting": (
        "Providers are asked over HTTP; a server runs no program but PostgreSQL, and itself.",
        r"""docker\.sock|["']scw["']|create_subprocess|os\.system|shell=True""",
        "inventiv_http/supervision.py",
    ),
    "an address that comes back stops another machine": (
        "A machine is known by its provider's id, and a worker by its token: no address is unique.",
        r"UNIQUE INDEX[^;]*\bip_address\b",
    ),
}
"""What cannot come back, why, what would have to be written for it to, and where that may stand."""

SAMPLES = (
    'publish({"type": "CMD:PROVISION"})',
    'run(["ssh", host])',
    'run(["scw", "block"])',
    "CREATE UNIQUE INDEX one ON instances (ip_address)",
)


@pytest.mark.parametrize("trap", BUILT_OUT)
def test_what_is_built_out_has_not_been_built_in(trap: str) -> None:
    reason, words, *allowed = BUILT_OUT[trap]
    assert reason
    assert any(re.search(words, sample) for sample in SAMPLES), "it would find nothing, ever"
    for file in sources() - {HERE.parent / name for name in allowed}:
        assert not re.search(words, file.read_text()), file


def sources() -> set[Path]:
    """Return all that is shipped."""
    packages = ("inventiv_core", "inventiv_adapters", "inventiv_http")
    files = [file for name in packages for file in (HERE.parent / name).rglob("*.py")]
    return {HERE.parent / "schema.sql", *files}


@pytest.mark.parametrize("trap", TRAPS)
def test_every_trap_has_tests_that_are_there(trap: str) -> None:
    assert TRAPS[trap]
    for test in TRAPS[trap]:
        path, _, name = test.partition("::")
        assert re.search(rf"^(async )?def {name}\(", (HERE / path).read_text(), re.MULTILINE), test
