"""Commands that the pages name are understood: stages with their flags, targets of make, programs with their flags."""
import argparse
import re
import shlex
from importlib import import_module

import pytest
from tests.docs.links import REPOSITORY, pages

from sediff.__main__ import STAGES

INLINE = re.compile(r'`sediff ([a-z]+[^`\n#]*)`')
STAGE = re.compile(r'^sediff ([a-z]+[^`\n#]*)', re.MULTILINE)
BLOCK = re.compile(r'^```.*?^```', re.MULTILINE | re.DOTALL)
BARE = re.compile(rf'`((?:{"|".join(STAGES)}) --?[^`\n]*)`')
PROGRAM = re.compile(r'`(?:SEDIFF_TEST_ALL=1 )?python ((?:-m )?tests[\w./]+)([^`\n]*)`')
TEXTS = {page.name: page.read_text() for page in pages() if page.name != 'CHANGES.md'}


def commands() -> list[str]:
    """`STAGE FLAGS` of every command of the pages, square brackets of what may be left out taken away."""
    found = {text for page in TEXTS.values() for pattern in (INLINE, BARE) for text in pattern.findall(_joined(page))}
    found |= {text for page in TEXTS.values() for block in BLOCK.findall(page) for text in STAGE.findall(block)}
    return sorted(re.sub(r'[\[\]]', '', text).strip().rstrip('.,;)') for text in found)


def _joined(page: str) -> str:
    """The page with the line breaks inside of inline code removed."""
    return re.sub(r'`[^`\n]+\n[^`\n]+`', lambda match: match[0].replace('\n', ' '), page)


@pytest.mark.parametrize('command', commands())
def test_stage_knows_the_flags(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stage, *words = shlex.split(command)
    module = import_module(STAGES[stage][0])
    if any(word.startswith('-') for word in words) and hasattr(module, 'add_arguments') and '-inim' not in words:
        parser = argparse.ArgumentParser()
        module.add_arguments(parser)
        parser.parse_args([*words, *_missing(stage, words)])
    elif stage in ('steps', 'config'):
        assert module.main(stage, words) == 0


def test_commands_are_found_in_lines_and_blocks():
    assert {'calib build-skypca', 'steps --drawing'} <= set(commands())                # between backticks
    assert any(command.startswith('refcat build --tap') for command in commands())     # in a block of the README
    assert not [page for page, text in TEXTS.items() if re.search(r'python -m sediff [a-z]', text)]


def _missing(stage: str, words: list[str]) -> list[str]:
    """Arguments that a command shown for one flag leaves to the reader."""
    if stage == 'sim' and words[0].startswith('-'):
        return ['DIR']
    return []


def test_targets_of_make_exist():
    rules = set(re.findall(r'^([\w-]+):', (REPOSITORY / 'Makefile').read_text(), re.MULTILINE))
    named = {target for page in TEXTS.values() for target in re.findall(r'(?:`|^)make ([a-z][\w-]*)', page, re.MULTILINE)}
    assert {'setup', 'docs', 'demo'} <= named
    assert named - rules in (set(), {'check', 'test-all'})      # the two come together


@pytest.mark.parametrize('command', sorted({''.join(found) for page in TEXTS.values() for found in PROGRAM.findall(page)}))
def test_programs_of_the_tests_exist(command):
    name = command.split()[0] if not command.startswith('-m ') else command.split()[1].replace('.', '/') + '.py'
    text = (REPOSITORY / name).read_text()
    assert "if __name__ == '__main__':" in text
    assert all(flag in text for flag in re.findall(r'--[a-z-]+', re.sub(r'"[^"]*"', '', command))), command

