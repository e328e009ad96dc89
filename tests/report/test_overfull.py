"""More detections than MAX_DETECTIONS: the page says so, and the quality of the exposure is red."""
from dataclasses import replace

import pytest

from sediff.flow.exposure.quality import mark_overfull, read_quality
from sediff.report.entries import ExposureEntry
from sediff.report.page import candidate_page
from sediff.report.quality_picture import draw_quality
from sediff.repository.names import Exposure, product_path
from sediff.repository.products import write_json

EXPOSURE = ExposureEntry(668443, 20170817, 'i', 33, ccds_done=(4, 5))


def test_the_page_names_the_ccds():
    assert 'Quality is red' not in candidate_page(EXPOSURE, [])
    page = candidate_page(replace(EXPOSURE, ccds_overfull=(4, 5), quality='red'), [])
    assert 'Quality is red' in page and 'MAX_DETECTIONS' in page and '<dt>quality</dt><dd>red</dd>' in page
    assert '<dt>quality</dt><dd>green</dd>' in candidate_page(replace(EXPOSURE, quality='green'), [])
    assert '<dt>quality</dt>' not in candidate_page(EXPOSURE, [])


def test_the_quality_file_turns_red(tmp_path):
    exposure = Exposure(tmp_path, 12345678, '20200101', 'r', 4, 7, 'dp33')
    mark_overfull(exposure, {4: 100})
    assert read_quality(exposure) == {}
    write_json(product_path(exposure, 'qc'), {'verdict': 'green', 'figures': {}, 'medians': {}})
    mark_overfull(exposure, {})
    assert read_quality(exposure)['verdict'] == 'green'
    mark_overfull(exposure, {5: 7, 4: 100})
    assert read_quality(exposure) == {'verdict': 'red', 'figures': {}, 'medians': {},
                                      'left_out_detections': {'4': 100, '5': 7}}


def test_the_quality_file_is_what_its_figures_say_when_nothing_is_left_out_any_more(tmp_path):
    exposure, drawn = Exposure(tmp_path, 12345678, '20200101', 'r', 4, 7, 'dp33'), []
    before = {'verdict': 'yellow', 'figures': {'t_eff': {'colour': 'yellow'}, 'sky': {'colour': 'green'}}, 'medians': {}}
    write_json(product_path(exposure, 'qc'), before)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('sediff.report.quality_picture.picture',
                      lambda report, instrument: drawn.append(report['verdict']) or b'png')
        for left_out in ({}, {4: 100}, {4: 100}, {}, {}):
            mark_overfull(exposure, left_out)
            draw_quality(exposure)
        assert product_path(exposure, 'qc_png').read_bytes() == b'png'
        product_path(exposure, 'qc_png').unlink()
        draw_quality(exposure)
    assert read_quality(exposure) == before and drawn == ['yellow', 'red', 'yellow', 'yellow']


def test_no_picture_without_a_quality_file(tmp_path):
    exposure = Exposure(tmp_path, 12345678, '20200101', 'r', 4, 7, 'dp33')
    draw_quality(exposure)
    assert not exposure.folder.exists()
