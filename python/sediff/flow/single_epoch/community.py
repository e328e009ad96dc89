"""SE05 with INPUT=community: an image of the Community Pipeline instead of a raw one."""
from __future__ import annotations

from sediff.catalog.detect import estimate_fwhm
from sediff.engine.context import Context
from sediff.errors import BadData
from sediff.formats.calibration import file_checksum
from sediff.formats.community import read_community
from sediff.instruments.rawcards import complete, read_cards
from sediff.isr.community import from_community
from sediff.isr.edges import mark_edges
from sediff.isr.weight import null_weight
from sediff.maskbits import Bit


def ingest(context: Context) -> None:
    """Read, translate and check one CCD of ooi, oow and ood."""
    exposure, files = context.exposure, context.files('community')
    image, weight, quality, header = read_community(files, exposure.ccd)
    cards = read_cards(header, exposure.expnum, context.pointing, exposure.instrument)
    header = complete(header, cards)
    for note in cards.notes:
        context.log(note)
    if cards.expnum != exposure.expnum:
        raise BadData(f'{files[0]} is of exposure {cards.expnum}, not {exposure.expnum}')
    ccd = from_community(image, weight, quality, header, context.parameter('SKY_BLOCK'))
    if ccd.header['BAND'] != exposure.band:
        raise BadData(f'{files[0]} is of band {ccd.header["BAND"]}, not {exposure.band}')
    if min(ccd.shape) > 4 * context.parameter('NEAREDGE_WIDTH'):
        ccd.mask = mark_edges(ccd.mask, context.parameter('EDGE_WIDTH'), context.parameter('NEAREDGE_WIDTH'))
        ccd.weight = null_weight(ccd.weight, ccd.mask)
    fwhm = estimate_fwhm(ccd.image, ccd.weight, ccd.mask)
    ccd.header['FWHM'] = (float(fwhm), '[px] seeing')
    ccd.header['NCRAY'] = (int(((ccd.mask & int(Bit.CRAY)) != 0).sum()), 'Pixels hit by cosmic rays')
    for name, path in zip(('CPIMG', 'CPWGT', 'CPMSK'), files):
        ccd.header[name] = (path.name[:68], f'CRC-32 {file_checksum(path)}')
    context.log(f'{files[0].name}: {header["PLVER"]}, measured noise / given {ccd.header["WGTCHI"]}, FWHM {fwhm:.2f} px')
    context.save('crmasked', ccd)
