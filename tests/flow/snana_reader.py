"""A reader of SNANA's text files by their own rules: keys end with a colon, OBS rows follow VARLIST."""


def read_snana(text):
    """Header (key -> text) and rows (list of dict of VARLIST name -> text) of a light curve."""
    header, rows, names, words = {}, [], [], []
    for line in text.splitlines():
        words = line.split('#')[0].split()
        if not words:
            continue
        key = words[0]
        assert key.endswith(':'), line
        if key in ('OBS:', 'ROW:'):
            assert len(words) == 1 + int(header['NVAR']) == 1 + len(names), line
            rows.append(dict(zip(names, words[1:])))
        elif key in ('VARLIST:', 'VARNAMES:'):
            names = words[1:]
        elif key == 'END:':
            assert len(rows) == int(header['NOBS'])
            return header, rows
        else:
            header[key.rstrip(':')] = ' '.join(words[1:])
    raise AssertionError('the file has no END:')
