"""The UI as a person sees it, in a real browser on the real server; makes the README's pictures."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
import pytest

from qa_assets_tests.conftest import REPOSITORY, Project

pytestmark = [pytest.mark.slow, pytest.mark.browser]
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --window-size=1600,1000"
)
PATIENCE_S = 90


@dataclass(frozen=True)
class Page:
    """A browser on one server."""

    driver: object
    address: str

    def open(self, path: str, *texts: str) -> str:
        """Go there and wait until every text is shown."""
        self.driver.get(self.address + path)
        self.wait_for(*texts)
        return self.text()

    def text(self) -> str:
        return self.driver.find_element("tag name", "body").text

    def wait_for(self, *texts: str) -> None:
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.wait import WebDriverWait

        for text in texts:
            wait = WebDriverWait(
                self.driver, PATIENCE_S, ignored_exceptions=[StaleElementReferenceException]
            )
            wait.until(lambda _, text=text: text in self.text(), f"{text!r} is not shown")

    def wait_until_gone(self, text: str) -> None:
        from selenium.webdriver.support.wait import WebDriverWait

        wait = WebDriverWait(self.driver, PATIENCE_S)
        wait.until(lambda _: text not in self.text(), f"{text!r} is still shown")

    def click(self, label: str) -> None:
        from selenium.webdriver.support.wait import WebDriverWait

        where = ("xpath", f"//button[normalize-space()='{label}' and not(@disabled)]")
        wait = WebDriverWait(self.driver, PATIENCE_S)
        wait.until(lambda d: d.find_elements(*where), f"no button {label!r}")[0].click()

    def picture(self, name: str) -> None:
        """Keep a screenshot for the README when asked to."""
        body = self.driver.get_screenshot_as_png()
        assert body.startswith(b"\x89PNG")
        if os.environ.get("QA_WRITE_PICTURES"):
            (REPOSITORY / "docs" / name).write_bytes(body)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, finished: Project) -> Project:
    """A finished project in whose history one gate has failed since."""
    root = tmp_path_factory.mktemp("ui") / "project"
    shutil.copytree(finished.root, root)
    project = Project(root)
    project.edit("min_accuracy: 0.9", "min_accuracy: 0.999")
    assert project.qa("check", "digits").returncode == 1
    shutil.rmtree(root / "defs")
    return project


@pytest.fixture(scope="module")
def server(stage: Project) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["-h", "127.0.0.1", "-p", str(port), "-w", "workspace.yaml"]
    environment = {**os.environ, "DAGSTER_HOME": str(stage.root), "QA_ROOT": str(stage.root)}
    with (stage.root / "server.log").open("w") as log:
        command = [sys.executable, "-m", "dagster_webserver", *words]
        process = subprocess.Popen(command, cwd=stage.root, env=environment, stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def page(server: str) -> Iterator[Page]:
    if not (BROWSER and DRIVER):
        pytest.skip("needs chromium and chromedriver on the PATH")
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.support.wait import WebDriverWait

    options = Options()
    options.binary_location = BROWSER
    for flag in FLAGS.split():
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(PATIENCE_S)

    def serves(_: object) -> bool:
        driver.get(f"{server}/server_info")
        return "dagster" in driver.page_source

    try:
        waiting = WebDriverWait(driver, PATIENCE_S, ignored_exceptions=[WebDriverException])
        waiting.until(serves, "the server does not answer")
        yield Page(driver, server)
    finally:
        driver.quit()


def test_the_graph_is_drawn(page: Page) -> None:
    """Dagster draws the assets that fit into the window; the first and the last ones do."""
    page.driver.set_window_size(2000, 1500)
    page.open(
        "/locations/qa_assets.definitions/asset-groups/digits/lineage", "onnx_model", "release"
    )
    page.wait_until_gone("Loading...")
    page.picture("graph.png")
    page.driver.set_window_size(1600, 1000)


def test_a_failed_and_a_passed_check_show_their_evidence(page: Page) -> None:
    failed = page.open(
        "/assets/digits/evaluation?view=checks&checkDetail=accuracy_sufficient",
        "This is a blocking asset check.",
        "evaluation.accuracy_low",
        "0.999",
    )
    assert "Failed" in failed
    page.picture("failed_check.png")
    passed = page.open(
        "/assets/digits/onnx_model?view=checks&checkDetail=onnx_agrees_with_torch",
        "This is a blocking asset check.",
        "measured",
    )
    assert "Succeeded" in passed


def test_pictures_and_numbers_stand_where_a_person_looks(page: Page) -> None:
    shown = page.open("/assets/digits/dataset_snapshot?view=overview", "contact sheet", "1797")
    assert "quarantined" in shown
    page.picture("ui.png")


def test_the_button_materializes(
    page: Page, stage: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    monkeypatch.chdir(stage.root)
    page.open("/assets/digits/dataset_statistics?view=overview", "Materialize")
    with dg.DagsterInstance.from_config(str(stage.root)) as instance:
        before = {run.run_id for run in instance.get_runs()}
        page.click("Materialize")

        def finished(_: object) -> bool:
            new = [r for r in instance.get_runs() if r.run_id not in before]
            return bool(new) and new[0].is_finished

        WebDriverWait(page.driver, PATIENCE_S).until(finished, "the run did not end")
        (run,) = [r for r in instance.get_runs() if r.run_id not in before]
        assert run.is_success


def test_the_report_opens_offline(page: Page, finished: Project) -> None:
    path = finished.root / "reports/digits/report.html"
    page.driver.get(path.as_uri())
    page.wait_for("digits")
    shown = page.text()
    assert "accuracy" in shown.lower()
    assert not page.driver.execute_script(
        "return performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:'))"
    )
    page.picture("report.png")
