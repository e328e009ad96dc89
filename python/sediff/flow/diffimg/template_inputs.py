"""The template CCDs of a search CCD as inputs of the coadd: read, warped and scaled strip by strip."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.io.fits import Header
from astropy.wcs import WCS

from sediff.ccdimage import CcdImage, uncovered
from sediff.engine.context import Context
from sediff.flow.exposure.inputs import TemplateCcd
from sediff.formats.ccdrows import CcdRows
from sediff.maskbits import Bit
from sediff.psf.model import PsfModel
from sediff.repository.products import read_product
from sediff.subtract.zones import Zones, cells_of
from sediff.template.coadd import Source, Stack
from sediff.template.correction import Correction, convolved
from sediff.template.depth import depth, mean_psf, noise_area
from sediff.template.homogenise import homogenise, set_of_cells
from sediff.warp.grid import PixelMap, pixel_map
from sediff.warp.resample import warp_rows
from sediff.wcs.read import pixel_to_sky, read_wcs, sky_to_pixel

#: Rows and columns of nodes at which the PSFs of the inputs are compared.
NODES = (7, 4)
FWHM_OF_SIGMA = 2.3548

@dataclass
class TemplateInput:
    """One accepted template CCD that reaches the search CCD.

    Parameters
    ----------
    row : dict
        Of the product `wstemplate`: expnum, ccd, scale, ...
    head : Header
        Its header with the corrected world coordinates.
    wcs, target_wcs : WCS
        World coordinates of the same, and of the search image.
    positions : PixelMap
        Of the search image's pixels on it.
    """

    row: dict
    file: CcdRows
    head: Header
    psf: PsfModel
    wcs: WCS
    target_wcs: WCS
    positions: PixelMap

    @property
    def label(self) -> str:
        """`668443 c33`."""
        return f'{self.row["expnum"]} c{self.row["ccd"]:02d}'

    def rows(self, first: int, last: int) -> CcdImage:
        """Rows of the search grid; of the file only what they need is read."""
        needed = self.positions.source_rows(first, last)
        if needed is None:
            return uncovered((last - first, self.positions.target_shape[1]))
        image, mask, weight = self.file.read(*needed)
        return CcdImage(*warp_rows((image, mask, weight), self.positions, (first, last), needed[0], self.row['scale']))

    @property
    def source(self) -> Source:
        """The same for `stack`."""
        return Source(self.rows, self.psf.fwhm, 1.0 / self.row['scale'])

    def stamps(self, shape: tuple[int, int], nodes: tuple[int, int]) -> np.ndarray:
        """Its PSF, centred, where so many rows and columns of nodes from edge to edge of the search CCD lie on it.

        Nodes off the CCD have the PSF of its nearest pixel. (rows, columns, m, m) float64.
        """
        y, x = np.meshgrid(*(np.linspace(0, size - 1, count) if count > 1 else np.array([size / 2])
                             for size, count in zip(shape, nodes)), indexing='ij')
        u, v = sky_to_pixel(self.wcs, *pixel_to_sky(self.target_wcs, x.ravel(), y.ravel()))
        u, v = (np.round(np.clip(at, 0, size - 1)) for at, size in zip((u, v), self.file.shape[::-1]))
        stamps = self.psf.images(u, v)
        return stamps.reshape(*nodes, *stamps.shape[1:])


def template_inputs(context: Context, search: CcdImage) -> tuple[list[TemplateInput], list[dict]]:
    """Accepted template CCDs that reach the search CCD, in order of exposure and CCD, and those left out with their reasons.

    The pixels of a CCD that does not reach the search CCD are never read.
    """
    found, left = [], []
    target_wcs = read_wcs(search.header)
    for row, head in zip(context.load('wstemplate')['templates'], context.load('template_heads')):
        reason = '' if row['used'] else row['reason']
        if not reason:
            pair, wcs = _pair(context, row), read_wcs(head)
            file = CcdRows(pair.path('immask'))
            positions = pixel_map(target_wcs, search.shape, wcs, file.shape)
            if positions.source_rows(0, search.shape[0]):
                psf = read_product(pair.path('psf'), 'psf')
                found.append(TemplateInput(row, file, head, psf, wcs, target_wcs, positions))
                continue
            file.close()
            reason = 'does not reach the search CCD'
        left.append({'expnum': row['expnum'], 'ccd': row['ccd'], 'reason': reason})
    return sorted(found, key=lambda one: (one.row['expnum'], one.row['ccd'])), left


def _pair(context: Context, row: dict) -> TemplateCcd:
    return next(pair for pair in context.pairs if (pair.exposure.expnum, pair.exposure.ccd) == (row['expnum'], row['ccd']))


def common_psf(stacked: Stack, inputs: list[TemplateInput]) -> Correction | None:
    """One PSF for the whole coadd (in place), where it has several inputs; None where it has one, or too many."""
    if len(inputs) == 1 or not stacked.members.any():
        return None
    saturated = (stacked.members == 0) & (stacked.image.mask & np.uint16(Bit.SATURATE) > 0)
    return homogenise(stacked.image.image, stacked.members, input_stamps(inputs, stacked.coverage.shape, NODES),
                      np.array(stacked.weights), saturated)


def template_zones(stacked: Stack, correction: Correction | None) -> Zones:
    """Zones of the coadd's noise: one for each set of inputs that matters."""
    if correction is None:
        return Zones(np.zeros(cells_of(stacked.coverage.shape), np.uint8), np.ones((1, 1, 1), np.float32))
    return Zones(set_of_cells(stacked.members, correction.sets.bits.astype(stacked.members.dtype)),
                 correction.noise_kernels())


def input_stamps(inputs: list[TemplateInput], shape: tuple[int, int], nodes: tuple[int, int]) -> np.ndarray:
    """Centred PSFs of all inputs at nodes of the search CCD: (n, rows, columns, m, m), m that of the smallest."""
    stamps = [one.stamps(shape, nodes) for one in inputs]
    half = min(each.shape[-1] for each in stamps) // 2
    parts = [slice(each.shape[-1] // 2 - half, each.shape[-1] // 2 + half + 1) for each in stamps]
    return np.stack([each[..., part, part] for each, part in zip(stamps, parts)])


def template_metrics(stacked: Stack, inputs: list[TemplateInput], zero_point: float, broadened: float) -> dict:
    """Coverage, width of the PSF and depth of the coadd."""
    pixels = {k: n for k in range(len(inputs) + 1) if (n := np.count_nonzero(stacked.coverage == k))}
    psf = psf_from_inputs(inputs, stacked.weights, stacked.coverage.shape, broadened)
    area, total = noise_area(psf.mask[0]), stacked.coverage.size
    return {'covered': float((stacked.coverage > 0).mean()), 'unchecked': stacked.unchecked,
            'share_of_pixels_by_number_of_inputs': {k: n / total for k, n in pixels.items()},
            'fwhm_px': psf.fwhm, 'broadened_px2': broadened, 'psf_area_px': area, 'zero_point': zero_point,
            'depth_5sigma': depth(stacked.image.weight, area, zero_point)}


def psf_from_inputs(inputs: list[TemplateInput], weights: list[float], shape: tuple[int, int], broadened: float
                    ) -> PsfModel:
    """Mean of the inputs' PSFs by their weights, convolved with the Gaussian (squared sigma, px^2) the coadd was."""
    stamps = convolved(input_stamps(inputs, shape, (1, 1))[:, 0, 0], broadened)
    widths = np.hypot([one.psf.fwhm for one in inputs], FWHM_OF_SIGMA * np.sqrt(broadened))
    return mean_psf(stamps, np.asarray(weights), widths)


def photon_factor(used: list[dict]) -> float:
    """Photon variance of one unit of light in the coadd, times the weight of its pixel.

    Parameters
    ----------
    used : list of dict
        Of each input: `scale` (search flux units an electron), `weight` (mean of its good pixels, as it entered the
        coadd) and `covered` (share of the CCD).

    Notes
    -----
    With weights w_k and flux scales s_k a unit of light has the variance sum(w_k^2 s_k) / (sum w_k)^2, times the coadd's
    weight sum w_k the mean of w_k s_k. It varies little with the inputs that cover a pixel.
    """
    scale, weight, covered = (np.array([row[name] for row in used], float) for name in ('scale', 'weight', 'covered'))
    return float(np.average(weight * scale, weights=np.maximum(weight * covered, 1e-30)))


def template_header(search: Header, inputs: list[TemplateInput], used: list[dict], metrics: dict) -> Header:
    """Header of the coadd: that of the search image, with what the template is made of."""
    header = search.copy()
    levels = [one.head['SATURATE'] * one.row['scale'] for one in inputs
              if isinstance(one.head.get('SATURATE'), (int, float))]
    if levels:
        header['SATURATE'] = (min(levels), 'lowest of the inputs, search flux scale')
    header['FWHM'] = (metrics['fwhm_px'], '[px] seeing, mean of the inputs')
    header['DEPTH5'] = (metrics['depth_5sigma'], '[mag] 5-sigma point source')
    header['COVERED'] = (metrics['covered'], 'share of the CCD covered')
    header['NCOMBINE'] = (len(used), 'template CCDs in the coadd')
    header['PHOTVAR'] = (photon_factor(used), 'photon variance of unit light x weight')
    for number, row in enumerate(used, 1):
        header[f'TMPL{number:03d}'] = (f'{row["expnum"]}_{row["ccd"]:02d}', 'template exposure and CCD')
        header[f'TREJ{number:03d}'] = (row['rejected'], 'share of its pixels rejected')
    return header
