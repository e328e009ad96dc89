"""More detections than MAX_DETECTIONS: the page says so, and the quality of the exposure is red."""
from dataclasses import replace

from sediff.flow.quality import mark_overfull, read_quality
from sediff.io.products import write_json
from sediff.names import Exposure, exposure_table
from sediff.report.entries import ExposureEntry
from sediff.report.page import candidate_page

EXPOSURE = ExposureEntry(668443, 20170817, 'i', 33, ccds_done=(4, 5))


def test_the_page_names_the_ccds():
    assert 'Quality is red' not in candidate_page(EXPOSURE, [])
    page = candidate_page(replace(EXPOSURE, ccds_overfull=(4, 5)), [])
    assert 'Quality is red' in page and 'MAX_DETECTIONS' in page


def test_the_quality_file_turns_red(tmp_path):
    exposure = Exposure(tmp_path, 12345678, '20200101', 'r', 4, 7, 'dp33')
    mark_overfull(exposure, {4: 100})
    assert read_quality(exposure) == {}
    write_json(exposure_table(exposure, 'qc'), {'verdict': 'green', 'figures': {}, 'medians': {}})
    mark_overfull(exposure, {})
    assert read_quality(exposure)['verdict'] == 'green'
    mark_overfull(exposure, {5: 7, 4: 100})
    assert read_quality(exposure) == {'verdict': 'red', 'figures': {}, 'medians': {},
                                      'left_out_detections': {'4': 100, '5': 7}}
