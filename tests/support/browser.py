"""browser.py: headless Chromium, driven over a pipe by its DevTools protocol; nothing but Python's own library.

Debian's package is chromium-headless-shell. What a page says on its console, throws or loads is kept.
"""
import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def find():
    """A browser's path, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One page. `problems` holds console errors and warnings, exceptions and dialogs; `requests` what was loaded."""

    def __init__(self, path, width=1280, height=900, seconds=60):
        self.seconds, self.number, self.waiting = seconds, 0, b""
        self.problems, self.requests, self.events = [], [], []
        self.folder = tempfile.mkdtemp(prefix="attnlab-browser-")
        inner, self.out = os.pipe()
        self.into, outer = os.pipe()
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (inner, outer)]

        def as_three_and_four():
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)
        # A test's machine may give no user namespaces; the page comes from the test itself.
        self.process = subprocess.Popen(
            [path, "--headless", "--remote-debugging-pipe",
             "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
             f"--user-data-dir={self.folder}", "about:blank"], preexec_fn=as_three_and_four,
            pass_fds=(3, 4), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for end in high:
            os.close(end)
        os.close(inner)
        os.close(outer)
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def close(self):
        with contextlib.suppress(Exception):
            self.session = None
            self.call("Browser.close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()
        os.close(self.out)
        os.close(self.into)
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.note(answer)

    def read(self):
        limit = time.monotonic() + self.seconds
        while b"\0" not in self.waiting:
            if not select.select([self.into], [], [], max(0, limit - time.monotonic()))[0]:
                raise TimeoutError(f"the browser said nothing for {self.seconds} s")
            piece = os.read(self.into, 1 << 20)
            if not piece:
                raise RuntimeError("the browser ended")
            self.waiting += piece
        message, _, self.waiting = self.waiting.partition(b"\0")
        return json.loads(message)

    def note(self, event):
        method, what = event.get("method"), event.get("params", {})
        self.events.append(method)
        if method == "Runtime.exceptionThrown":
            details = what["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning", "assert"):
            self.problems.append(str([arg.get("value", arg.get("description")) for arg in what["args"]]))
        elif method == "Log.entryAdded" and what["entry"]["level"] in ("error", "warning"):
            self.problems.append(what["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            self.problems.append("dialog: " + what["message"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(what["request"]["url"])

    def open(self, url):
        self.events.clear()
        self.call("Page.navigate", url=url)
        while "Page.loadEventFired" not in self.events:
            self.note(self.read())

    def value(self, expression):
        """What a JavaScript expression gives, as JSON carries it."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def texts(self, selector):
        return self.value(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.textContent)")

    def resize(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def media(self, media="screen", scheme="light"):
        self.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def middle(self, selector, x=0.5, y=0.5):
        """Where a share of an element's box lies on the screen, after scrolling to it."""
        found = json.dumps(selector)
        box = self.value(f"(() => {{ const e = document.querySelector({found}); e.scrollIntoView({{block: 'center'}}); "
                         "const b = e.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; })()")
        return box[0] + box[2] * x, box[1] + box[3] * y

    def mouse(self, kind, x, y, clicks=0):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left" if clicks else "none",
                  buttons=1 if kind == "mousePressed" else 0, clickCount=clicks)

    def click(self, selector, times=1):
        x, y = self.middle(selector)
        for count in range(1, times + 1):
            self.mouse("mousePressed", x, y, count)
            self.mouse("mouseReleased", x, y, count)

    def drag(self, selector, begin, end):
        """From one share of an element's box to another, both (x, y)."""
        x, y = self.middle(selector, *begin)
        to_x, to_y = self.middle(selector, *end)
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, 1)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=to_x, y=to_y, button="left", buttons=1)
        self.mouse("mouseReleased", to_x, to_y, 1)

    def type(self, selector, text):
        self.click(selector)
        self.call("Input.insertText", text=text)

    def screenshot(self, path, whole=True):
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole, **(
            {"clip": {**self.call("Page.getLayoutMetrics")["cssContentSize"], "scale": 1}} if whole else {}))
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))


def main():
    if not find():
        print("SKIPPED: no browser; expected chromium-headless-shell or chromium (./dev test installs it)")
        sys.exit(0)
    unittest.main(verbosity=2)
