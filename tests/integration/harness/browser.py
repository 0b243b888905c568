"""Chromium on a page of ours, driven by its own driver."""
import contextlib
import shutil
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from .wait import wait_for, within

# Nothing but the page: no sandbox (the tests run as root in containers), no traffic of Chromium's own.
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--lang=en-US"]


class Browser:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="sluice-test-chromium-")
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for argument in [*ARGUMENTS, f"--user-data-dir={self.profile}"]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_page_load_timeout(within(30))
        self.resize(1280, 900)

    def quit(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def resize(self, width, height):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, **features):
        """prefer(colour_scheme="dark"): the media features of that system."""
        names = {"colour_scheme": "prefers-color-scheme", "reduced_motion": "prefers-reduced-motion"}
        self.command("Emulation.setEmulatedMedia",
                     features=[{"name": names[name], "value": value} for name, value in features.items()])

    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def open(self, url):
        """Until every panel has its figures, or says why not."""
        self.driver.get(url)
        self.wait_loaded(None)

    def loaded(self):
        return self.script("return document.documentElement.dataset.loaded")

    @contextlib.contextmanager
    def reload_of_figures(self):
        """What is done inside makes the page ask for its figures anew; afterwards it has them."""
        before = self.loaded()
        yield
        self.wait_loaded(before)

    def wait_loaded(self, before):
        wait_for(lambda: self.loaded() not in (None, before), 30, "the page to have its figures")

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.script("return document.querySelector(arguments[0]).textContent", selector)

    def texts(self, selector):
        return self.script("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector)

    def choose(self, name, value):
        """A filter, by hand."""
        self.script("""const field = document.querySelector(`#filters [name="${arguments[0]}"]`);
                       field.value = arguments[1]; field.dispatchEvent(new Event("change", {bubbles: true}))""", name, value)

    def press(self, *keys):
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def tab(self):
        """To the next element that takes the focus; what it is."""
        self.press(Keys.TAB)
        return self.script("""const e = document.activeElement;
                              return e.name || e.id || e.className || e.textContent.trim()""")

    def console(self):
        """What the console has said since the last time, without what is only talk."""
        return [line for line in self.driver.get_log("browser") if line["level"] in ("SEVERE", "WARNING")]


@contextlib.contextmanager
def browsing():
    browser = Browser()
    try:
        yield browser
    finally:
        browser.quit()
