"""What is proved of sharing on Prosody holds on ejabberd too."""

from __future__ import annotations

import pytest

from tests.fakes.ejabberd import Ejabberd
from tests.integration.test_sharing import (
    test_concurrent_packets_end_in_the_same_state_with_all,
    test_somebody_is_put_out_and_hears_nothing_more,
    test_the_host_ends_it_for_all_and_goes_on_alone,
    test_who_comes_late_has_all_of_it,
)
from tests.integration.test_sharing_attacks import (
    room,
    test_nobody_who_was_not_let_in_enters_the_room,
    test_who_was_put_out_has_no_key_to_what_is_said_then,
)
from tests.integration.test_sharing_cut import (
    circle,
    test_one_of_three_is_cut_off_and_comes_back,
    test_the_host_is_cut_off_and_comes_back,
)

__all__ = [
    "circle",
    "room",
    "test_concurrent_packets_end_in_the_same_state_with_all",
    "test_nobody_who_was_not_let_in_enters_the_room",
    "test_one_of_three_is_cut_off_and_comes_back",
    "test_somebody_is_put_out_and_hears_nothing_more",
    "test_the_host_ends_it_for_all_and_goes_on_alone",
    "test_the_host_is_cut_off_and_comes_back",
    "test_who_comes_late_has_all_of_it",
    "test_who_was_put_out_has_no_key_to_what_is_said_then",
]


@pytest.fixture
def server(ejabberd: Ejabberd) -> Ejabberd:
    """What every test here runs on."""
    return ejabberd
