"""A TAP service on the loopback address that replays answers in the form of the Gaia archive's, errors included."""
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np

HEAD = ('<?xml version="1.0" encoding="UTF-8"?>\n<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
        '<RESOURCE type="results">\n')
ERROR = HEAD + '<INFO name="QUERY_STATUS" value="ERROR"><![CDATA[{}]]></INFO>\n</RESOURCE>\n</VOTABLE>\n'


def votable(columns, overflow=False):
    """A TAP answer in TABLEDATA."""
    lines = [HEAD + '<INFO name="QUERY_STATUS" value="OK"/>\n<TABLE>\n']
    for name, values in columns.items():
        kind = 'long' if values.dtype.kind == 'i' else 'double'
        lines.append(f'<FIELD datatype="{kind}" name="{name}"/>\n')
    lines.append('<DATA>\n<TABLEDATA>\n')
    for row in zip(*columns.values()):
        cells = ''.join(f'<TD>{"" if value != value else repr(value.item())}</TD>' for value in row)
        lines.append(f'<TR>{cells}</TR>\n')
    lines.append('</TABLEDATA>\n</DATA>\n</TABLE>\n')
    if overflow:
        lines.append('<INFO name="QUERY_STATUS" value="OVERFLOW"/>\n')
    return ''.join(lines) + '</RESOURCE>\n</VOTABLE>\n'


class Service:
    """What the server has and how it misbehaves.

    `script` holds a word for each coming query, then 'ok': ok, busy (503), bad (400), cut (half an answer), silent (no
    answer), error (job fails: bad column), tired (job fails: time limit), slow (job never ends), aborted, redirect.
    """

    def __init__(self, columns, row_limit=10 ** 9):
        self.columns, self.row_limit = columns, row_limit
        self.script, self.queries, self.jobs = [], [], {}
        self.release = threading.Event()

    def answer(self, query, maxrec):
        """The stars in the polygon of the query, up to the row limit."""
        numbers = np.array([float(word) for word in re.search(r"POLYGON\('ICRS', ([^)]*)\)", query)[1].split(',')])
        corners, stars = _vectors(*numbers.reshape(-1, 2).T), _vectors(self.columns['ra'], self.columns['dec'])
        sides = np.cross(np.roll(corners, -1, axis=0), corners)        # counterclockwise as seen from within the sphere
        rows = np.flatnonzero((stars @ sides.T >= 0.0).all(axis=1))
        top = re.match(r'SELECT TOP (\d+)', query)
        limit = min(maxrec, self.row_limit, int(top[1]) if top else 10 ** 9)
        return votable({name: values[rows[:limit]] for name, values in self.columns.items()}, rows.size > limit)

    def next_word(self):
        return self.script.pop(0) if self.script else 'ok'


def _vectors(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], -1)


class Handler(BaseHTTPRequestHandler):
    """/tap/sync and /tap/async of TAP 1.1 (UWS jobs)."""

    protocol_version = 'HTTP/1.0'

    def log_message(self, *args):
        """No log."""

    def do_POST(self):
        service = self.server.service
        form = {name: values[0] for name, values in
                parse_qs(self.rfile.read(int(self.headers['Content-Length'])).decode()).items()}
        service.queries.append(form['QUERY'])
        word, maxrec = service.next_word(), int(form.get('MAXREC', 10 ** 9))
        if word == 'silent':
            service.release.wait(20.0)
            return
        if word == 'busy':
            return self._send(503, ERROR.format('Service temporarily unavailable'))
        if word == 'bad':
            return self._send(400, ERROR.format('Cannot parse query: unknown column "phot_g"'))
        if self.path.endswith('/sync'):
            text = service.answer(form['QUERY'], maxrec)
            return self._send(200, text[:len(text) // 2] if word == 'cut' else text)
        job = f'{len(service.jobs) + 1}O'
        service.jobs[job] = [word, form['QUERY'], maxrec, 0]
        self._send(303, '', location=f'http://127.0.0.1:{self.server.server_port}/tap/async/{job}')

    def do_GET(self):
        service = self.server.service
        parts = urlsplit(self.path).path.strip('/').split('/')
        job = service.jobs.get(parts[2]) if len(parts) > 3 else None
        if job is None:
            return self._send(404, 'no such job')
        word, query, maxrec, asked = job
        if parts[3] == 'phase':
            job[3] += 1
            if word == 'slow' or (asked == 0 and word == 'ok'):
                return self._send(200, 'EXECUTING')
            return self._send(200, {'error': 'ERROR', 'tired': 'ERROR', 'aborted': 'ABORTED'}.get(word, 'COMPLETED'))
        if parts[3] == 'error':
            reason = 'statement timeout after 1800 s' if word == 'tired' else 'column "phot_g" does not exist'
            return self._send(200, ERROR.format(reason))
        if word == 'redirect' and parts[-1] == 'result':
            return self._send(303, '', location=f'/tap/async/{parts[2]}/results/file')
        text = service.answer(query, maxrec)
        self._send(200, text[:len(text) // 2] if word == 'cut' else text)

    def _send(self, status, text, location=None):
        data = text.encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/x-votable+xml')
        self.send_header('Content-Length', str(len(data)))
        if location:
            self.send_header('Location', location)
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serving(service):
    """The URL of a server of this service on 127.0.0.1, while the block runs."""
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.service, server.daemon_threads = service, True
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True)
    thread.start()
    try:
        yield f'http://127.0.0.1:{server.server_port}/tap'
    finally:
        service.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
