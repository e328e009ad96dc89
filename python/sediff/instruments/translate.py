"""Raw headers of any camera in the words that the pipeline knows, those of DES: done once, where a file is read."""
from __future__ import annotations

from astropy.io.fits import Header

from sediff.instruments.base import AmplifierFacts, CardRule, Detector, Instrument
from sediff.instruments.rawcards import number_of, text_of
from sediff.values import sexagesimal, sexagesimal_text

_JD = 2400000.5


def translated(header: Header, instrument: Instrument, detector: Detector | None = None) -> Header:
    """A raw header with the pipeline's cards; the header itself where the camera's are those.

    Parameters
    ----------
    header : Header
        Primary, merged with that of the detector's extension where there is one.
    detector : Detector, optional
        Whose extension; its number, name and amplifiers are put in where the header does not say.
    """
    if not instrument.rules and not (detector and any(each.cards for each in detector.amplifiers)):
        return header
    found, used = {}, set()
    for rule in instrument.rules:
        for number, amplifier in _each(rule, detector):
            source = _source(header, rule, number, amplifier)
            value = None if source is None else _value(header, rule, source)
            if value is not None:
                found[rule.card.format(amp=amplifier, number=number)] = value
                used.add(source)
    out = Header(header, copy=True)
    for card in used | set(found):
        out.remove(card, ignore_missing=True, remove_all=True)
    for card, value in found.items():
        out[card] = value
    if 'FILTER' in out:
        out['FILTER'] = instrument.band_of_filter(text_of(out, 'FILTER')) or text_of(out, 'FILTER')
    return _with_detector(out, detector) if detector else out


def source_of(card: str, instrument: Instrument) -> str:
    """What the camera calls a card; '' where it has none."""
    rule = next((rule for rule in instrument.rules if rule.card == card), None)
    return card if rule is None else rule.sources[0] if rule.sources else ''


def camera_cards(header: Header, instrument: Instrument, detector: Detector | None = None) -> Header:
    """The opposite, for the simulator: the pipeline's cards in the camera's words."""
    if not instrument.rules:
        return header
    out = Header(header, copy=True)
    for rule in instrument.rules:
        for number, amplifier in _each(rule, detector):
            card = rule.card.format(amp=amplifier, number=number)
            if card in header:
                value = _theirs(header, rule, card)
                out.remove(card, ignore_missing=True, remove_all=True)
                if rule.sources:
                    out[rule.sources[0].format(amp=amplifier, number=number)] = value
    return out


def _each(rule: CardRule, detector: Detector | None) -> list[tuple[int, str]]:
    if '{' not in rule.card:
        return [(0, '')]
    return [(number, each.name) for number, each in enumerate(detector.amplifiers if detector else (), 1)]


def _source(header: Header, rule: CardRule, number: int, amplifier: str) -> str | None:
    """The first of a rule's sources that a header has."""
    names = (source.format(amp=amplifier, number=number) for source in rule.sources)
    return next((name for name in names if name in header), None)


def _value(header: Header, rule: CardRule, source: str):
    """What the pipeline's card of a rule says; None where the camera's cannot be understood."""
    if rule.values:
        return rule.values.get(text_of(header, source).lower(), text_of(header, source))
    if rule.form == 'degrees':
        return _angle(header, source, rule.card)
    plain = number_of(header, source)
    if rule.form == 'jd':
        return None if plain is None else plain - _JD
    if rule.form:
        return None if plain is None else plain * float(rule.form)
    return header[source]


def _angle(header: Header, card: str, wanted: str) -> str | None:
    """Degrees, as a number or with colons, as the text of hours or degrees that TELRA and TELDEC hold."""
    degrees = number_of(header, card)
    degrees = sexagesimal(text_of(header, card)) if degrees is None else degrees
    if degrees is None:
        return None
    return sexagesimal_text(degrees % 360.0 / 15.0, 4) if wanted == 'TELRA' else sexagesimal_text(degrees, 3, sign=True)


def _theirs(header: Header, rule: CardRule, card: str):
    if rule.values:
        back = {ours.lower(): theirs for theirs, ours in rule.values.items()}
        return back.get(text_of(header, card).lower(), text_of(header, card))
    if rule.form == 'degrees':
        degrees = sexagesimal(text_of(header, card))
        return header[card] if degrees is None else round(degrees * 15.0 if card == 'TELRA' else degrees, 7)
    if rule.form == 'jd':
        return header[card] + _JD
    return header[card] / float(rule.form) if rule.form else header[card]


def _with_detector(header: Header, detector: Detector) -> Header:
    header['CCDNUM'], header['DETPOS'] = detector.number, detector.name
    for each in detector.amplifiers:
        for card, value in _facts_of(each).items():
            if card not in header:
                header[card] = value
    return header


def _facts_of(amplifier: AmplifierFacts) -> dict[str, str | float]:
    numbers = {'GAIN': amplifier.gain, 'RDNOISE': amplifier.read_noise, 'SATURAT': amplifier.saturate}
    cards = {f'{kind}{amplifier.name}': value for kind, value in amplifier.cards.items()}
    return cards | {f'{kind}{amplifier.name}': value for kind, value in numbers.items() if value > 0}
