"""The picture of the focal plane."""
import io

import numpy as np
import pytest
from PIL import Image

from sediff.errors import BadUsage
from sediff.instruments.ccds import ccd_table
from sediff.photometry.qc import METRICS, graded
from sediff.report.focal_plane import Panel, focal_plane_png

LIMITS = {figure.name: (1.0, 2.0) for figure in METRICS}


def picture(values, **options):
    panel = Panel('Seeing [arcsec]', values, False, 2)
    data = focal_plane_png(ccd_table(), [panel], 'title', graded({'fwhm_arcsec': 1.0}, LIMITS), 'notes', **options)
    return np.asarray(Image.open(io.BytesIO(data)).convert('RGB')).astype(int)


def test_each_ccd_is_where_the_camera_has_it():
    """CCD 1 (S29) is in the north-west, 62 (N31) in the south-east: right above and left below, east being left."""
    empty = picture({})
    for ccd, right, above in ((1, True, True), (62, False, False), (25, True, True), (38, False, False)):
        rows, columns = np.nonzero(np.abs(picture({ccd: 1.0}) - empty).sum(axis=2)[85:545] > 60)
        x, y = np.median(columns), np.median(rows) + 85
        assert (x > empty.shape[1] / 2) == right
        assert (y < 310) == above, (ccd, y)


def test_odd_ccds_are_marked_and_lacking_ones_hatched():
    plain = picture({10: 1.0, 11: 1.1})
    assert np.abs(picture({10: 1.0, 11: 1.1}, marked={11: ' fallback'}) - plain).sum() > 0
    assert np.abs(picture({10: 1.0, 11: 1.1}, expected=[10, 11, 12]) - plain).sum() > 0


def test_room_for_three_maps():
    with pytest.raises(BadUsage, match='maps'):
        focal_plane_png(ccd_table(), [], 't', [])
