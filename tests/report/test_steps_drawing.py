"""The drawing of the data flow."""
from dataclasses import dataclass

import pytest

from sediff.errors import BadUsage
from sediff.report.steps_drawing import data_flow_markdown


@dataclass
class Step:
    id: str
    name: str
    needs: tuple = ()
    makes: tuple = ()
    doc: str = ''


STEPS = [Step('A1', 'read', ('raw',), ('image', 'mask'), 'reads | splits'), Step('A2', 'sky', ('image',), ('flat',)),
         Step('A3', 'join', ('flat', 'mask'), ('out',))]


def test_lanes_open_run_and_end():
    text = data_flow_markdown(STEPS)
    drawing = text.split('```')[1].splitlines()[1:]
    assert drawing == ['oo   A1 read  <= raw  => image, mask', '*|o  A2 sky   => flat', ' **  A3 join  => out']


def test_table_names_the_makers():
    text = data_flow_markdown(STEPS)
    assert '| A3 join |  | flat (A2), mask (A1) | out |' in text
    assert '| A1 read | reads \\| splits | *raw* | image, mask |' in text


def test_wrong_order_double_id_and_nothing():
    with pytest.raises(BadUsage, match='A2 needs image'):
        data_flow_markdown([STEPS[1], STEPS[0]])
    with pytest.raises(BadUsage, match='two steps'):
        data_flow_markdown([STEPS[0], STEPS[0]])
    assert '| step |' in data_flow_markdown([])
