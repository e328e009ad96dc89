"""What was done to an image, in its header."""
from __future__ import annotations

from astropy.io.fits import Header

from sediff.errors import BadData


def record(header: Header, keyword: str, value: str | int | float, done: str, checksum: str = '') -> None:
    """Set the card of a correction (in place) and add a HISTORY line that names what was used.

    A card xxxFIL of a correction that used a file gets a companion xxxSUM with the file's checksum.

    Parameters
    ----------
    keyword : str
        Card of the correction: DESOSCN, XTALKFIL, BIASFIL, FLATFIL, BPMFIL, ...
    value : str, int or float
        File or number that it used or found; texts are cut to 68 characters.
    done : str
        What was done, the card's comment.
    checksum : str
        Of the file that was used.
    """
    value = value[:68] if isinstance(value, str) else value
    header[keyword] = value
    if len(str(value)) < 40:
        header.comments[keyword] = done
    if checksum:
        header[f'{keyword.removesuffix("FIL")}SUM'] = (checksum, f'CRC-32 of the file of {keyword}')
    header.add_history(f'{done}: {value}' + (f' (CRC-32 {checksum})' if checksum else ''))


def once(header: Header, keyword: str, doing: str) -> None:
    """Refuse to make a correction twice.

    Raises
    ------
    BadData
        The card of the correction is there already.
    """
    if keyword in header:
        raise BadData(f'{doing} was done before ({keyword} = {header[keyword]}); start again from the raw image')
