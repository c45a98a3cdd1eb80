"""What the tests of the core prove on Prosody holds on ejabberd too."""

from __future__ import annotations

import pytest

from mobility import Client, Introduction, VisitDeclined
from mobility.errors import LevelUnavailable
from mobility.protocol.delegation import Level
from tests.fakes.ejabberd import Ejabberd
from tests.fakes.proxy import Proxy
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon, visiting
from tests.integration.test_connection import (
    test_a_display_with_a_wrong_password,
    test_a_wrong_password,
    test_an_account_that_does_not_exist,
    test_what_was_said_last_arrives_before_the_stream_is_closed,
)
from tests.integration.test_devices import (
    account,
    own,
    test_a_device_that_is_away_finds_what_waits_for_it,
    test_a_device_that_is_online_hears_at_once_and_also_of_the_end,
    test_a_full_list_refuses_the_next_and_forgets_nothing,
    test_a_node_that_was_made_readable_by_others_is_private_again,
    test_nobody_else_can_read_or_change_or_hear_of_them,
    test_only_the_accounts_own_server_can_tell_of_changes,
    test_presence_tells_which_of_five_devices_are_online,
)
from tests.integration.test_devices_live import (
    test_a_device_is_known_with_all_it_can_as_soon_as_it_is_there,
    test_a_device_that_is_forgotten_is_forgotten_everywhere,
    test_a_device_that_says_that_it_is_busy_is_shown_so,
    test_a_device_that_vanishes_without_a_word_is_away_and_was_seen_just_now,
    test_a_name_that_the_user_gave_is_shown_everywhere_and_stays,
    test_five_devices_know_one_another_and_none_is_asked_twice,
    test_nothing_is_said_while_nothing_happens,
    test_who_is_not_the_user_does_not_hear_what_a_device_is,
)
from tests.integration.test_formats import (
    test_a_film_goes_and_comes_back,
    test_an_app_that_asks_for_nothing_gets_the_best_way,
)
from tests.integration.test_handover import (
    test_a_session_may_go_and_come_back_several_times_in_one_visit,
    test_a_state_of_any_size_arrives_whole,
    test_nothing_is_lost_or_doubled_while_both_sides_draw_all_the_time,
)
from tests.integration.test_levels import (
    test_a_display_that_is_thrown_out_wipes_at_once,
    test_a_login_that_is_cut_ends_the_visit_and_the_session_is_here_again,
    test_a_session_goes_to_a_display_under_our_account_and_comes_back,
    test_nobody_is_logged_in_any_more_after_the_visit,
    test_the_user_reads_what_a_login_gives_before_it_is_given,
)
from tests.integration.test_login import (
    test_a_display_logs_in_with_the_phones_answers,
    test_a_guest_is_told_where_there_are_none,
    test_a_login_that_failed_pins_nothing,
)
from tests.integration.test_own_devices import (
    person,
    test_a_device_that_accepts_has_the_session_and_gives_it_back,
    test_a_device_that_was_away_finds_the_offer_and_all_frames,
    test_the_first_of_three_wins_and_the_others_are_told,
    test_what_nobody_answers_expires,
)
from tests.integration.test_resume import (
    test_a_carrier_that_is_cut_is_followed_by_the_next_and_a_frame_comes_twice,
)
from tests.integration.test_visit import (
    test_a_display_that_is_switched_off_gives_the_session_back,
    test_a_display_that_was_left_signs_that_nothing_is_there,
    test_a_reclaimed_session_has_the_last_checkpoint_and_all_that_we_said,
    test_an_idle_visit_ends_and_the_session_goes_on_at_the_phone,
    test_one_visit_leaves_nothing_for_the_next,
)

__all__ = [
    "account",
    "own",
    "person",
    "test_a_carrier_that_is_cut_is_followed_by_the_next_and_a_frame_comes_twice",
    "test_a_device_is_known_with_all_it_can_as_soon_as_it_is_there",
    "test_a_device_that_accepts_has_the_session_and_gives_it_back",
    "test_a_device_that_is_away_finds_what_waits_for_it",
    "test_a_device_that_is_forgotten_is_forgotten_everywhere",
    "test_a_device_that_is_online_hears_at_once_and_also_of_the_end",
    "test_a_device_that_says_that_it_is_busy_is_shown_so",
    "test_a_device_that_vanishes_without_a_word_is_away_and_was_seen_just_now",
    "test_a_device_that_was_away_finds_the_offer_and_all_frames",
    "test_a_display_logs_in_with_the_phones_answers",
    "test_a_display_that_is_switched_off_gives_the_session_back",
    "test_a_display_that_is_thrown_out_wipes_at_once",
    "test_a_display_that_was_left_signs_that_nothing_is_there",
    "test_a_display_with_a_wrong_password",
    "test_a_film_goes_and_comes_back",
    "test_a_full_list_refuses_the_next_and_forgets_nothing",
    "test_a_guest_is_told_where_there_are_none",
    "test_a_login_that_failed_pins_nothing",
    "test_a_login_that_is_cut_ends_the_visit_and_the_session_is_here_again",
    "test_a_name_that_the_user_gave_is_shown_everywhere_and_stays",
    "test_a_node_that_was_made_readable_by_others_is_private_again",
    "test_a_reclaimed_session_has_the_last_checkpoint_and_all_that_we_said",
    "test_a_session_goes_to_a_display_under_our_account_and_comes_back",
    "test_a_session_may_go_and_come_back_several_times_in_one_visit",
    "test_a_state_of_any_size_arrives_whole",
    "test_a_wrong_password",
    "test_an_account_that_does_not_exist",
    "test_an_app_that_asks_for_nothing_gets_the_best_way",
    "test_an_idle_visit_ends_and_the_session_goes_on_at_the_phone",
    "test_five_devices_know_one_another_and_none_is_asked_twice",
    "test_nobody_else_can_read_or_change_or_hear_of_them",
    "test_nobody_is_logged_in_any_more_after_the_visit",
    "test_nothing_is_lost_or_doubled_while_both_sides_draw_all_the_time",
    "test_nothing_is_said_while_nothing_happens",
    "test_one_visit_leaves_nothing_for_the_next",
    "test_only_the_accounts_own_server_can_tell_of_changes",
    "test_presence_tells_which_of_five_devices_are_online",
    "test_the_first_of_three_wins_and_the_others_are_told",
    "test_the_user_reads_what_a_login_gives_before_it_is_given",
    "test_what_nobody_answers_expires",
    "test_what_was_said_last_arrives_before_the_stream_is_closed",
    "test_who_is_not_the_user_does_not_hear_what_a_device_is",
]


@pytest.fixture
def server(ejabberd: Ejabberd) -> Ejabberd:
    """Take the place of the server that all these tests run on elsewhere."""
    return ejabberd


@pytest.fixture
def questions() -> int:
    """Return 1: the others are not told what is published before presence."""
    return 1


async def test_a_phone_that_is_cut_off_goes_on_and_nothing_is_lost(
    server: Ejabberd, lobby: Lobby
) -> None:
    board = Board(strokes=("first",))
    async with Proxy(server.c2s_port) as network:
        where = address(server) | {"port": network.port}
        async with Client(*server.add(), **where) as phone:
            async with visiting(phone, lobby) as screen:
                moved = await phone.transfer(board, to=screen)
                there = await lobby.board()
                network.cut()
                await there.draw("while it was away")
                await soon(phone.stream.wait_online())
                await board.until(lambda: "while it was away" in board.strokes)
                assert phone.stream.resumed
                await moved.retrieve()
            assert screen.clean is True


# --- under the visitor's account ------------------------------------------------------


@pytest.fixture
def level() -> Level:
    """Return the one level that a server without our modules knows."""
    return Level.LOGIN


async def test_a_server_without_our_modules_makes_no_tokens_and_does_not_pretend(
    phone: Client, lobby: Lobby
) -> None:
    assert await phone.levels() == {Level.GUEST, Level.LOGIN}
    read: list[Introduction] = []

    async def approve(introduction: Introduction) -> str | None:
        read.append(introduction)
        return None

    with pytest.raises(VisitDeclined):
        async with phone.visit(await lobby.code(), approve=approve, level=Level.LOGIN):
            pass
    assert not read[0].restricted
    with pytest.raises(LevelUnavailable, match=phone.jid.partition("@")[2][:8]):
        async with visiting(phone, lobby, level=Level.TOKEN):
            pass
