"""
browser - a page in headless Chromium, as its reader has it: what it shows, what it complains about

Spoken to in Chromium's own protocol over two pipes (descriptors 3 and 4), messages end with a zero byte:
no further package, no port.
"""

import base64
import json
import os
import shutil
import subprocess
import time

from .process import die_with_parent, is_readable


class BrowserError(Exception):
    """Chromium refused, or said nothing in time."""


class Browser:
    def __init__(self, directory, seconds=60):
        self.seconds = seconds
        self.complaints = []  # of the page: exceptions, console errors, violations of its policy
        self._number = 0
        self._rest = b""
        self._session = None
        ours_out, theirs_in = os.pipe()
        theirs_out, ours_in = os.pipe()
        program = shutil.which("chromium") or "chromium"

        def in_child():
            die_with_parent()
            # Where they are to be may be taken by one of them.
            reading, writing = os.dup(theirs_out), os.dup(theirs_in)
            high_reading, high_writing = os.dup2(reading, 100), os.dup2(writing, 101)
            os.dup2(high_reading, 3)
            os.dup2(high_writing, 4)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
             f"--user-data-dir={directory}/chromium", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False,
            env={**os.environ, "HOME": str(directory)}, preexec_fn=in_child)
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = ours_in, ours_out
        self._attach()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        os.close(self._in)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._out)

    # ---- the protocol ----

    def _receive(self, deadline):
        while b"\0" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not is_readable(self._out, left):
                raise BrowserError("chromium says nothing")
            read = os.read(self._out, 1 << 20)
            if not read:
                raise BrowserError(f"chromium is gone, status {self.process.poll()}")
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _call(self, method, session=None, **parameters):
        self._number += 1
        call = {"id": self._number, "method": method, "params": parameters}
        if session or self._session:
            call["sessionId"] = session or self._session
        os.write(self._in, json.dumps(call).encode() + b"\0")
        deadline = time.monotonic() + self.seconds
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _note(self, event):
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(parameters["exceptionDetails"])[:2000])
        elif event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")

    def _attach(self):
        deadline = time.monotonic() + self.seconds
        while True:
            pages = [t for t in self._call("Target.getTargets")["targetInfos"] if t["type"] == "page"]
            if pages:
                break
            if time.monotonic() > deadline:
                raise BrowserError("chromium opened no page")
            time.sleep(0.1)
        attached = self._call("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    # ---- what a reader does ----

    def resize(self, width, height, is_dark=False, scale=1):
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                   mobile=width < 600)
        self._call("Emulation.setEmulatedMedia",
                   features=[{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}])

    def open(self, url):
        self._call("Page.navigate", url=url)

    def run(self, expression):
        """The value of an expression in the page."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def text(self):
        """What can be read on it."""
        return self.run("document.body ? document.body.innerText : ''")

    def picture(self, path, is_whole=False):
        """A PNG of what is in sight, or of all of it."""
        answer = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["data"]))
