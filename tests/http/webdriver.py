"""A browser, driven over WebDriver by the standard library: Debian's chromium and
chromedriver.  Nothing here sleeps for a time: what is waited for is a condition."""
import base64
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request

SECONDS = 60
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
ENTER, ESCAPE, DOWN, LEFT, RIGHT, CONTROL = "\ue007", "\ue00c", "\ue015", "\ue012", "\ue014", "\ue009"


def is_installed():
    return bool(shutil.which("chromedriver") and shutil.which("chromium"))


def wait_until(true, seconds=SECONDS):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise RuntimeError("it does not come true")
        time.sleep(0.02)


class Browser:
    """One window without a screen, in a profile of its own."""

    def __init__(self, width=1440, height=1000):
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        port = None
        for line in self.driver.stdout:
            if b"started successfully on port" in line:
                port = int(line.split()[-1].rstrip(b"."))
                break
        if port is None:
            raise RuntimeError("chromedriver does not start")
        self.base = f"http://127.0.0.1:{port}"
        arguments = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage",
                     "--hide-scrollbars", "--disable-background-networking",
                     "--no-first-run", f"--window-size={width},{height}"]
        if os.getuid() == 0:
            arguments.append("--no-sandbox")  # which it cannot have as root
        answer = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments, "binary": shutil.which("chromium")},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
        self.base += "/session/" + answer["sessionId"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.ask("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(SECONDS)
            self.driver.stdout.close()

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            self.base + path, method=method,
            data=None if method != "POST" else json.dumps(body or {}).encode(),
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise RuntimeError(f"{path}: {value['error']}: {value['message'][:600]}") from None

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """The value of a piece of JavaScript with `return`."""
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script, *arguments, seconds=SECONDS):
        """Until the expression is true; its value."""
        end = time.monotonic() + seconds
        while True:
            got = self.run(f"return ({script})", *arguments)
            if got or time.monotonic() > end:
                if not got:
                    raise RuntimeError(f"it does not come true: {script} {arguments}")
                return got
            time.sleep(0.02)  # between two looks

    def find(self, selector):
        return self.ask("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.ask("POST", f"/element/{self.find(selector)}/click")

    def clear(self, selector):
        self.ask("POST", f"/element/{self.find(selector)}/clear")

    def type(self, selector, text):
        self.ask("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def press(self, *keys):
        """Keys to whatever has the focus, held together."""
        actions = ([{"type": "keyDown", "value": key} for key in keys] +
                   [{"type": "keyUp", "value": key} for key in reversed(keys)])
        self.ask("POST", "/actions", {"actions": [
            {"type": "key", "id": "keyboard", "actions": actions}]})

    def point(self, x, y, click=False, kind="mouse"):
        """The pointer to a place of the window; a finger only exists while it is down."""
        actions = [{"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)}]
        if click:
            actions += [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self.ask("POST", "/actions", {"actions": [
            {"type": "pointer", "id": kind, "parameters": {"pointerType": kind},
             "actions": actions}]})

    def command(self, name, **arguments):
        """One of the DevTools protocol."""
        return self.ask("POST", "/goog/cdp/execute", {"cmd": name, "params": arguments})

    def prefer(self, theme):
        self.command("Emulation.setEmulatedMedia",
                     features=[{"name": "prefers-color-scheme", "value": theme}])

    def size(self, width, height, scale=1, mobile=False):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                     deviceScaleFactor=scale, mobile=mobile)

    def picture(self, path, whole=False):
        got = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(got["data"]))

    def log(self, kind):
        """What has been logged since the last call: of the console ("browser") or of the
        network ("performance")."""
        return self.ask("POST", "/se/log", {"type": kind})

    def requests(self):
        """The URLs that have been asked for since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [message["params"]["request"]["url"] for message in messages
                if message["method"] == "Network.requestWillBeSent"]
