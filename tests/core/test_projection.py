"""The projection of an exposure to many cores."""
from dataclasses import replace

import pytest
from tests.projection import Costs, disk_rate, efficiency, list_schedule, projected

COSTS = Costs(start=2.0, single_epoch=4.0, difference=8.0, tables=1.0, tables_ccd=0.05, page=2.0, page_ccd=0.1, draw=0.5,
              megabytes=100.0, rate=1e9)


@pytest.mark.parametrize('seconds, cores, ends', [
    ([1.0], 4, 1.0), ([], 2, 0.0), ([3.0, 3.0, 3.0], 2, 6.0), ([1.0, 1.0, 2.0], 2, 2.0),
    ([5.0, 4.0, 3.0, 3.0, 3.0], 2, 10.0), ([2.0] * 60, 16, 8.0), ([2.0] * 60, 64, 2.0)])
def test_tasks_go_to_the_next_free_core(seconds, cores, ends):
    assert list_schedule(seconds, cores) == ends


def test_one_core_does_everything_and_many_wait_for_the_rest():
    once = 2.0 + 1.0 + 2.0 + 60 * 0.15
    assert projected(COSTS, 60, 1) == once + 60 * 12.5
    assert projected(COSTS, 60, 64) == once + 12.5
    assert projected(COSTS, 60, 16) == once + 4 * 12.5
    assert efficiency(COSTS, 60, 1) == 1.0 and 0.9 < efficiency(COSTS, 60, 2) < 1.0
    assert efficiency(COSTS, 60, 64) < efficiency(COSTS, 60, 16) < efficiency(COSTS, 60, 4)


def test_no_core_is_faster_than_the_disk_nor_undisturbed():
    slow = replace(COSTS, rate=100.0)
    assert projected(slow, 60, 64) == 14.0 + 60.0 and projected(slow, 60, 4) == projected(COSTS, 60, 4)
    assert projected(replace(COSTS, slowdown=1.5), 60, 64) == 14.0 + 1.5 * 12.5


def test_the_disk_has_a_rate(tmp_path):
    assert disk_rate(tmp_path, 2) > 0.0 and not list(tmp_path.iterdir())
