"""A headless Chromium and the pages of a made-up exposure for the tests of the pages."""
import subprocess

import pytest
from browser import Browser, program
from made_up_pages import write

#: Candidates of the index.
COUNT = 120


@pytest.fixture(scope='session')
def chromium(tmp_path_factory):
    path = program()
    if path is None:
        pytest.skip('NO CHROMIUM: the pages were not opened in a browser (apt-get install chromium, or '
                    'SEDIFF_CHROMIUM=PATH)')
    try:
        browser = Browser(path, tmp_path_factory.mktemp('chromium'))
    except (EOFError, OSError, subprocess.SubprocessError) as error:
        pytest.skip(f'CHROMIUM {path} DOES NOT START: {error!r}')
    yield browser
    browser.close()


@pytest.fixture(scope='session')
def index(tmp_path_factory):
    return write(tmp_path_factory.mktemp('pages'), COUNT)


@pytest.fixture
def browser(chromium, index):
    """An empty store, a wide window, the index open; at the end nobody has complained."""
    chromium.complaints.clear()
    chromium.size(1240, 1000)
    chromium.open(index)
    chromium.run('localStorage.clear(), sessionStorage.clear()')
    chromium.open(index)
    yield chromium
    assert chromium.complaints == []
