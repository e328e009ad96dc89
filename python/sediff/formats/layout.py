"""What the image planes of a FITS file are, by their names and never by their number."""
from __future__ import annotations

import re
from dataclasses import dataclass

from sediff.errors import BadInput

IMAGE, MASK, WEIGHT, VARIANCE, SIGMA, OTHER, UNKNOWN = 'image', 'mask', 'weight', 'variance', 'sigma', 'other', 'unknown'
#: EXTNAME -> what the plane holds: names of DES, LSST, HST, JWST, Gemini, Astropy and others.
NAMES = {
    IMAGE: ('SCI', 'SCIENCE', 'IMAGE', 'IMG', 'DATA', 'PRIMARY', 'FLUX', 'INTENSITY', 'DIFF', 'SUB'),
    MASK: ('MSK', 'MASK', 'DQ', 'BPM', 'FLAG', 'FLAGS', 'QUALITY', 'DATA_QUALITY', 'DQM', 'BADPIX', 'IMMASK'),
    WEIGHT: ('WGT', 'WEIGHT', 'WHT', 'WT', 'WTMAP', 'WEIGHTMAP', 'WEIGHT_MAP', 'IVAR', 'INVVAR', 'INVVARIANCE',
             'INVERSE_VARIANCE'),
    VARIANCE: ('VAR', 'VARIANCE', 'VARMAP'),
    SIGMA: ('ERR', 'ERROR', 'ERRORS', 'RMS', 'SIGMA', 'NOISE', 'UNC', 'UNCERT', 'UNCERTAINTY', 'STD', 'STDDEV', 'SIG',
            'RMSMAP'),
    OTHER: ('CTX', 'CON', 'CONTEXT', 'AREA', 'SAMP', 'TIME', 'EXP', 'EXPTIME', 'EXPMAP', 'VAR_POISSON', 'VAR_RNOISE',
            'VAR_FLAT', 'PSF', 'PSFEX', 'KERNEL', 'SKY', 'BKG', 'BACKGROUND', 'BACK', 'CATALOG', 'CAT', 'OBJECTS', 'SEG',
            'SEGMENTATION', 'THUMBNAIL', 'PREVIEW', 'WAVELENGTH', 'D2IMARR', 'WCSDVARR', 'WCSCORR', 'MDRIZSKY', 'HDRTAB',
            'COVERAGE')}
KIND_OF = {name: kind for kind, names in NAMES.items() for name in names}
#: UTYPE of Astropy's CCDData -> what its plane UNCERT holds.
UTYPES = {'STDDEVUNCERTAINTY': SIGMA, 'VARIANCEUNCERTAINTY': VARIANCE, 'INVERSEVARIANCE': WEIGHT}
#: Planes named in a message.
MOST_LISTED = 12
#: Which plane of noise is taken where there are several.
NOISE_KINDS = (VARIANCE, SIGMA, WEIGHT)


@dataclass(frozen=True)
class Plane:
    """One image of a file: its index there, EXTNAME, EXTVER, shape and what it holds."""

    index: int
    name: str
    version: int
    shape: tuple[int, ...]
    kind: str

    def __str__(self) -> str:
        label = f'{self.index} {self.name or "(no name)"}' + (f',{self.version}' if self.version > 1 else '')
        return f'{label} {" x ".join(str(size) for size in self.shape[::-1])}'


@dataclass(frozen=True)
class Layout:
    """The planes that belong together: an image, its masks, and its noise where the file has one."""

    image: Plane
    masks: tuple[Plane, ...] = ()
    noise: Plane | None = None


def kind_of(name: str, utype: str = '') -> str:
    """What a plane holds by its EXTNAME (and UTYPE): numbers at its end and case do not matter."""
    plain = re.sub(r'[\s_-]*\d*$', '', name.strip().upper()) or name.strip().upper()
    if plain in ('UNCERT', 'UNCERTAINTY') and utype.upper() in UTYPES:
        return UTYPES[utype.upper()]
    return KIND_OF.get(name.strip().upper(), KIND_OF.get(plain, UNKNOWN))


def planes_of(handle) -> list[Plane]:
    """The images with pixels of an open file; leading axes of length 1 are left out."""
    out = []
    for number, hdu in enumerate(handle):
        if hdu.get_exttype() == 'IMAGE_HDU' and hdu.has_data():
            name = hdu.get_extname()
            # what fpack calls an image that had no name
            name = '' if name in ('COMPRESSED_IMAGE', 'PRIMARY') else name
            shape = tuple(int(size) for size in hdu.get_dims())
            while len(shape) > 2 and shape[0] == 1:
                shape = shape[1:]
            out.append(Plane(number, name, max(1, int(hdu.get_extver() or 1)), shape, kind_of(name)))
    return out


def choose_planes(planes: list[Plane], path: str, ext: str | int | None = None, wanted: str = IMAGE) -> Layout:
    """The image to take, and the planes of its mask and noise.

    Parameters
    ----------
    planes : list of Plane
        All images of the file.
    path : str
        For messages.
    ext : str or int, optional
        Which one: its number (0 is the primary HDU), name, or `name,version`; default: the one that its name says.
    wanted : str
        What is looked for: an image, or the mask or the noise of one.

    Raises
    ------
    BadInput
        There is no such plane, or the names leave open which is meant; the message lists those found.
    """
    if not planes:
        raise BadInput(f'{path} has no image')
    found = f'{path} has {len(planes)} image planes: ' + '; '.join(str(plane) for plane in planes[:MOST_LISTED]) \
        + (' ...' if len(planes) > MOST_LISTED else '')
    if ext is not None:
        return _with_companions(_named(planes, str(ext), found), planes, found)
    if len(planes) == 1:
        return Layout(planes[0])
    if wanted != IMAGE:
        return Layout(_of_kind(planes, wanted, found))
    known = [plane for plane in planes if plane.kind == IMAGE]
    unnamed = [plane for plane in planes if not plane.name]
    image = (known or unnamed)[:1]
    if not image or len(known or unnamed) > 1:
        raise BadInput(f'{found}. Which is the image cannot be told: choose one, {path}[{planes[0].index}] or --ext')
    strangers = [plane for plane in planes if plane.kind == UNKNOWN and plane.shape == image[0].shape and plane != image[0]]
    if strangers:
        unknown = ', '.join(plane.name or str(plane.index) for plane in strangers)
        raise BadInput(f'{found}. What {unknown} holds is not known (masks are called MSK, MASK, DQ; noise WGT, IVAR, VAR, '
                       f'ERR): name it so, or choose the image with {path}[{image[0].index}] or --ext {image[0].index}')
    return _with_companions(image[0], planes, found)


def _named(planes: list[Plane], ext: str, found: str) -> Plane:
    name, _, version = (part.strip() for part in ext.partition(','))
    if re.fullmatch(r'\d{1,6}', name):
        chosen = [plane for plane in planes if plane.index == int(name)]
    else:
        chosen = [plane for plane in planes if plane.name.upper() == name.upper() and version in ('', str(plane.version))]
    if not chosen:
        raise BadInput(f'there is no image {ext}: {found}')
    return chosen[0]


def _of_kind(planes: list[Plane], wanted: str, found: str) -> Plane:
    kinds = (MASK,) if wanted == MASK else NOISE_KINDS
    chosen = [plane for kind in kinds for plane in planes if plane.kind == kind]
    if not chosen:
        raise BadInput(f'none of them is called a {"mask" if wanted == MASK else "weight or noise"}: {found}')
    return chosen[0]


def _with_companions(image: Plane, planes: list[Plane], found: str) -> Layout:
    """The planes of the same version beside an image; none beside a mask or a noise."""
    if image.kind not in (IMAGE, UNKNOWN) or (image.kind == UNKNOWN and image.name):
        return Layout(image)
    beside = [plane for plane in planes if plane.version == image.version and plane.kind in (MASK, *NOISE_KINDS)]
    other = [plane for plane in beside if plane.shape != image.shape]
    if other:
        raise BadInput(f'{other[0].name} has another shape than its image {image.name or image.index}: {found}')
    noises = [plane for kind in NOISE_KINDS for plane in beside if plane.kind == kind]
    return Layout(image, tuple(plane for plane in beside if plane.kind == MASK), noises[0] if noises else None)
