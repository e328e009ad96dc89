"""Headless Chromium driven over its DevTools pipe: pages opened from file://, keys pressed, scripts run, screenshots."""
from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

#: Names under which Debian and others install it.
PROGRAMS = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')
OPTIONS = ('--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
           '--disable-sync', '--no-first-run', '--no-default-browser-check', '--disable-extensions',
           '--disable-dev-shm-usage', '--hide-scrollbars', '--mute-audio', '--remote-debugging-pipe')
#: Seconds after which a silent browser counts as stuck.
PATIENCE = 60.0


def program() -> str | None:
    """Where Chromium is; None where there is none."""
    return os.environ.get('SEDIFF_CHROMIUM') or next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Browser:
    """A browser of its own profile in `folder`; `complaints` are errors, and loads that failed or leave the machine."""

    def __init__(self, path: str, folder: Path):
        down, up = os.pipe(), os.pipe()
        command = f'exec "$0" "$@" 3<&{down[0]} 4>&{up[1]}'
        with open(folder / 'chromium.log', 'wb') as log:
            self.process = subprocess.Popen(['bash', '-c', command, path, *OPTIONS, f'--user-data-dir={folder / "profile"}',
                                             'about:blank'], pass_fds=(down[0], up[1]), stdout=log, stderr=log)
        os.close(down[0])
        os.close(up[1])
        self._write, self._read, self._rest, self._last = down[1], up[0], b'', 0
        self.complaints: list[str] = []
        self._events: list[dict] = []
        self._begun: dict[str, str] = {}
        self._whole: set[str] = set()
        self.session = ''
        self.downloads = folder / 'downloads'
        self.downloads.mkdir()
        target = self.send('Target.createTarget', url='about:blank')['targetId']
        self.session = self.send('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.send(f'{domain}.enable')
        session, self.session = self.session, ''
        self.send('Browser.setDownloadBehavior', behavior='allow', downloadPath=str(self.downloads), eventsEnabled=True)
        self.session = session

    def close(self) -> None:
        """End it."""
        self.session = ''
        with suppress(OSError, EOFError, AssertionError):
            self.send('Browser.close')
        for end in (self._write, self._read):
            os.close(end)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def send(self, method: str, **parameters) -> dict:
        """One command; its result."""
        self._last += 1
        message = {'id': self._last, 'method': method, 'params': parameters} | (
            {'sessionId': self.session} if self.session else {})
        text = json.dumps(message).encode() + b'\0'
        while text:
            text = text[os.write(self._write, text):]
        while True:
            answer = self._next()
            if answer.get('id') == self._last:
                assert 'error' not in answer, f'{method}: {answer["error"]}'
                return answer['result']

    def _next(self) -> dict:
        """The next message; what it says of trouble is kept."""
        while b'\0' not in self._rest:
            if not select.select([self._read], [], [], PATIENCE)[0]:
                raise AssertionError(f'Chromium has said nothing for {PATIENCE:.0f} s; its last words: {self._events[-3:]}')
            part = os.read(self._read, 1 << 20)
            if not part:
                raise EOFError('Chromium has ended')
            self._rest += part
        text, _, self._rest = self._rest.partition(b'\0')
        message = json.loads(text)
        if 'method' in message:
            self._events.append(message)
            self._note(message['method'], message.get('params', {}))
        return message

    def _note(self, method: str, what: dict) -> None:
        if method == 'Runtime.exceptionThrown':
            self.complaints.append(json.dumps(what['exceptionDetails'])[:500])
        elif method == 'Runtime.consoleAPICalled' and what['type'] in ('error', 'warning', 'assert'):
            self.complaints.append(json.dumps(what['args'])[:500])
        elif method == 'Log.entryAdded' and what['entry']['level'] in ('error', 'warning'):
            self.complaints.append(f'{what["entry"]["text"]} {what["entry"].get("url", "")}')
        elif method == 'Network.requestWillBeSent' and not what['request']['url'].startswith(('file:', 'data:', 'blob:')):
            self.complaints.append(f'request of {what["request"]["url"][:200]}')
        elif method == 'Network.loadingFailed' and not what.get('canceled'):
            self.complaints.append(f'not loaded: {what["errorText"]}')
        elif method == 'Browser.downloadWillBegin':
            self._begun[what['guid']] = what['suggestedFilename']
        elif method == 'Browser.downloadProgress' and what['state'] == 'completed':
            self._whole.add(self._begun.pop(what['guid']))

    def open(self, page: Path | str) -> float:
        """Open a page and wait until it is loaded; seconds from the navigation to the end of its load event."""
        url = page if isinstance(page, str) else 'file://' + quote(str(page))
        self._events.clear()
        self.send('Page.navigate', url=url)
        self._wait('Page.loadEventFired')
        return float(self.run('(() => { const t = performance.getEntriesByType("navigation")[0]; '
                              'return (t.loadEventEnd || performance.now()) / 1000; })()'))

    def _wait(self, event: str) -> None:
        while not any(each['method'] == event for each in self._events):
            self._next()

    def follow(self, do) -> None:
        """Do something that leads to another page, and wait for that to be loaded."""
        self._events.clear()
        do()
        self._wait('Page.loadEventFired')

    def run(self, script: str):
        """Value of a JavaScript expression in the page."""
        answer = self.send('Runtime.evaluate', expression=script, returnByValue=True, awaitPromise=True)
        assert 'exceptionDetails' not in answer, answer['exceptionDetails']
        return answer['result'].get('value')

    def press(self, key: str) -> None:
        """Press and release a key."""
        text = {'text': key} if len(key) == 1 else {'text': '\r'} if key == 'Enter' else {}
        self.send('Input.dispatchKeyEvent', type='keyDown', key=key, **text)
        self.send('Input.dispatchKeyEvent', type='keyUp', key=key)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.send('Input.insertText', text=text)

    def click(self, selector: str) -> None:
        """Click the middle of the first element of a selector with the mouse."""
        x, y = self.run(f'(() => {{ const e = document.querySelector({json.dumps(selector)}); '
                        'e.scrollIntoView({block: "center"}); const r = e.getBoundingClientRect(); '
                        'return [r.x + r.width / 2, r.y + r.height / 2]; })()')
        for kind in ('mousePressed', 'mouseReleased'):
            self.send('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1)

    def choose(self, selector: str, path: Path) -> None:
        """Click what opens a dialogue of files, and choose one."""
        self.send('Page.setInterceptFileChooserDialog', enabled=True)
        self._events.clear()
        self.click(selector)
        self._wait('Page.fileChooserOpened')
        opened = next(each for each in self._events if each['method'] == 'Page.fileChooserOpened')
        self.send('DOM.setFileInputFiles', files=[str(path)], backendNodeId=opened['params']['backendNodeId'])

    def size(self, width: int, height: int, phone: bool = False) -> None:
        """Set the window."""
        self.send('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def screenshot(self, path: Path, whole: bool = False) -> Path:
        """What the window shows (or the whole page) as PNG."""
        shot = self.send('Page.captureScreenshot', format='png', captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot['data']))
        return path

    def downloaded(self, name: str, seconds: float = 20.0) -> Path:
        """A file that the page has handed out, once Chromium says that it is whole (its name is there earlier, empty)."""
        until = time.monotonic() + seconds
        while name not in self._whole:
            assert time.monotonic() < until, f'{name} was not downloaded: {[p.name for p in self.downloads.iterdir()]}'
            self.run('new Promise(done => setTimeout(done, 50))')
        self._whole.remove(name)
        return self.downloads / name
