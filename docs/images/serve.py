"""Make ``serve.png``, the picture of the page of ``topo serve``; needs chromium and selenium.

Run ``python docs/images/serve.py`` in the root of the repository.
"""

from __future__ import annotations

import base64
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from server_process import ServerProcess, finished  # noqa: E402

SIZE = {"width": 1280, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
READY = """
const frame = document.getElementById('report');
const body = frame.contentDocument && frame.contentDocument.body;
return Boolean(body && body.dataset.ready === 'yes');
"""


def main() -> None:
    """Run a job of the example proteins and take a picture of its page."""
    with tempfile.TemporaryDirectory() as folder:
        model = ROOT / "checkpoints" / "topo-base"
        server = ServerProcess(Path(folder) / "store", model, "--workers", 1)
        example = (ROOT / "data" / "example" / "proteins.fasta").read_bytes()
        with server.client() as client:
            files = {"file": ("proteins.fasta", example)}
            job = client.post("/api/jobs", files=files).json()["id"]
            finished(client, job)
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for flag in ("--headless", "--no-sandbox", f"--user-data-dir={folder}/profile"):
            options.add_argument(flag)
        browser = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", SIZE)
        browser.get(f"{server.url}/jobs/{job}#id=P79748")
        while not browser.execute_script(READY):
            time.sleep(0.1)
        time.sleep(1)
        picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
        Path(__file__).with_suffix(".png").write_bytes(base64.b64decode(picture))
        browser.quit()
        server.stop()


if __name__ == "__main__":
    main()
