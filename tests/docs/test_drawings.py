"""The drawings of docs/architecture.md are those of the tables and imports of today."""
from tests.docs import drawings


def test_the_page_is_up_to_date():
    text = drawings.PAGE.read_text()
    assert drawings.drawn(text) == text, 'run make docs'


def test_imports_are_found_wherever_they_stand(tmp_path):
    for part, text in {'top': 'import os\nfrom sediff import low\n\ndef f():\n    from sediff.middle.a import b\n',
                       'middle': 'from typing import TYPE_CHECKING\nimport sediff.low\nif TYPE_CHECKING:\n'
                                 '    from sediff.top import f\n',
                       'low': 'from pathlib import Path\n'}.items():
        (tmp_path / part).mkdir()
        (tmp_path / part / '__init__.py').write_text('')
        (tmp_path / part / 'a.py').write_text(text)
    (tmp_path / 'errors.py').write_text('from sediff import low\n')
    graph = drawings.imports_of(tmp_path)
    assert graph == {'top': {'middle', 'low'}, 'middle': {'low'}, 'low': set(), 'errors': {'low'}}
    assert drawings.from_the_top(graph)[-1] == 'low'


def test_marks_stand_right_of_the_diagonal_unless_imports_go_up():
    straight = drawings.packages_drawing({'a': {'b', 'c'}, 'b': {'c'}, 'c': set()}).splitlines()
    assert [line.split() for line in straight[1:]] == [['1', 'a', '##', '*', '*'], ['2', 'b', '.', '##', '*'],
                                                       ['3', 'c', '.', '.', '##']]
    circle = drawings.packages_drawing({'a': {'b', 'c'}, 'b': {'c'}, 'c': {'b'}}).splitlines()
    assert any('*' in line.split('##')[0] for line in circle[1:])
