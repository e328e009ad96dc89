"""The candidate page: complete, ordered, escaped, self-contained."""
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from sediff.candidates.fakematch import FAKEMATCH_DTYPE, efficiency
from sediff.detect.table import DETECTION_DTYPE, Flag
from sediff.errors import BadUsage
from sediff.report.entries import CandidateEntry, ExposureEntry, candidate_entry, data_uri, flag_words
from sediff.report.page import candidate_page, ccd_list, write_candidate_page
from sediff.report.stamp_pictures import strip_png

HOSTILE = '<script>alert("x")</script><img src=http://evil/x onerror=alert(1)>'
EXPOSURE = ExposureEntry(668443, 20170817, 'i', 33, object=HOSTILE, seeing=1.1, depth=23.4, t_eff=float('nan'),
                         ccds_done=(1, 3, 4, 5), ccds_failed=(2, 31), detections=90, kept=7, templates=(512345,))


class Tags(HTMLParser):
    """Collects start tags and checks that those that must close do."""

    VOID = {'meta', 'link', 'img', 'input', 'br'}

    def __init__(self, text):
        super().__init__()
        self.seen, self.open = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def entries(scores):
    rng = np.random.default_rng(1)
    detection = np.zeros(1, DETECTION_DTYPE.descr + [('ALPHAWIN_J2000', 'f8'), ('DELTAWIN_J2000', 'f8')])[0]
    detection['ALPHAWIN_J2000'], detection['DELTAWIN_J2000'] = 318.1082, -66.0157
    detection['FLUX_PSF'], detection['FLUXERR_PSF'], detection['SNR'] = 1000, 50, 20
    out = []
    for number, score in enumerate(scores, 1):
        detection['NUMBER'] = number
        stamps = {kind: rng.normal(0, 1, (51, 51)).astype(np.float32) for kind in ('temp', 'srch', 'diff')}
        strip = data_uri(strip_png(stamps, {}))
        out.append(candidate_entry(detection, 3, score, 30.0, strip, n_detections=2, fake=number == 1))
    return out


def test_variable_stars_are_shown_as_such_and_can_be_hidden():
    detection = np.zeros(1, DETECTION_DTYPE.descr + [('ALPHAWIN_J2000', 'f8'), ('DELTAWIN_J2000', 'f8')])[0]
    plain, star = (candidate_entry(detection, 3, 0.9, 30.0, kind=kind) for kind in ('', 'variable_star'))
    page = candidate_page(EXPOSURE, [plain, star])
    rows = [a for tag, a in Tags(page).seen if tag == 'tr' and 'data-score' in a]
    assert sorted('data-star' in a for a in rows) == [False, True]
    assert page.count('<span class="tag star">variable star</span>') == 1
    assert any(tag == 'input' and a.get('id') == 'f-stars' for tag, a in Tags(page).seen)


def test_page_is_ordered_self_contained_and_well_formed():
    page = candidate_page(EXPOSURE, entries([0.2, 0.95, 0.71]), snr=np.array([5.0, -7, 30]),
                          kept=np.array([True, False, True]))
    tags = Tags(page)
    assert not tags.open
    rows = [a for tag, a in tags.seen if tag == 'tr' and 'data-score' in a]
    assert [a['data-score'] for a in rows] == ['0.9500', '0.7100', '0.2000']
    pictures = [a['src'] for tag, a in tags.seen if tag == 'img']
    assert len(pictures) == 4 and all(src.startswith('data:image/png;base64,') for src in pictures)
    assert not [tag for tag, a in tags.seen if tag == 'link' or (tag == 'script' and 'src' in a)]
    assert "url(" not in page and '@import' not in page
    assert '21:12:25.97 -66:00:56.5' in page and '22.50' in page and '512345' in page
    assert 'CCD 2, 31 failed' in page


def test_hostile_header_text_is_escaped():
    worse = CandidateEntry(1, 1, 1, 1.0, 2.0, 3.0, 4.0, 5.0, 0.9, flags=(HOSTILE,), kind=HOSTILE, host=HOSTILE,
                           strip='"><script>', page='"><script>')
    page = candidate_page(EXPOSURE, [worse])
    tags = Tags(page)
    assert sum(tag == 'script' for tag, _ in tags.seen) == 1
    assert not any('onerror' in a for _, a in tags.seen)
    assert '&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;' in page


def test_page_without_candidates_and_without_numbers():
    page = candidate_page(ExposureEntry(1, 20200101, 'g', 1), [])
    assert 'No candidate passed' in page and 'no OBJECT' in page and not Tags(page).open
    assert 'nan' not in re.sub(r'<(script|style)>.*?</\1>', '', page, flags=re.S).lower()


def test_a_ccd_that_is_held_back_is_named_with_its_reason():
    held = candidate_page(replace(EXPOSURE, ccds_failed=(2,), ccds_held=((2, f'300 detections {HOSTILE}'),)), [])
    assert 'The detections of CCD 2 are held back and enter no table: 300 detections &lt;script&gt;' in held
    assert HOSTILE not in held and 'held back' not in candidate_page(EXPOSURE, [])


def test_injected_and_found_table():
    fakes = np.zeros(4, FAKEMATCH_DTYPE)
    fakes['TRUEMAG'], fakes['FOUND'], fakes['PASSED'] = [20, 20, 21, 21], [1, 1, 1, 0], [1, 1, 0, 0]
    page = candidate_page(EXPOSURE, [], efficiency=efficiency(fakes, [19.5, 20.5, 21.5, 22.5]))
    text = re.sub(r'<[^>]+>', ' ', page)
    assert re.search(r'19\.5–20\.5\s+2\s+2\s+2\s+100 %', text) and re.search(r'20\.5–21\.5\s+2\s+1\s+0\s+0 %', text)


def test_page_is_written_whole(tmp_path):
    write_candidate_page(tmp_path / 'pages' / 'x.html', EXPOSURE, entries([0.8]), score_threshold=0.5)
    assert (tmp_path / 'pages' / 'x.html').read_text(encoding='utf-8').rstrip().endswith('</html>')
    assert [p.name for p in (tmp_path / 'pages').iterdir()] == ['x.html']


def test_entries_without_zero_point_and_flag_words():
    detection = np.zeros(1, DETECTION_DTYPE.descr + [('ALPHAWIN_J2000', 'f8'), ('DELTAWIN_J2000', 'f8')])[0]
    assert candidate_entry(detection, 1, 0.5, None).magnitude is None
    assert candidate_entry(detection, 1, 0.5, 30.0).magnitude is None
    assert flag_words(Flag.EDGE | Flag.MASKED_CORE) == ('edge', 'masked core')
    assert flag_words(0, 3) == ('negative', 'low snr')


def test_wrong_threshold_and_ccd_list():
    with pytest.raises(BadUsage, match='threshold'):
        candidate_page(EXPOSURE, [], score_threshold=7)
    assert ccd_list([5, 1, 3, 4, 62]) == '1, 3–5, 62' and ccd_list([2, 1]) == '1, 2' and ccd_list([]) == ''
