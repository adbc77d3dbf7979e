"""The demo overlay's parts lead to each other: the viewer's page to the gateway, the gateway to the archive."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.k8s.overlay import ROOT, container, one, overlay, settings
from tests.kit.servers import free_port

DEMO = overlay("demo")
OHIF = one(DEMO, "ConfigMap", "ohif")["data"]


def test_the_viewer_is_the_one_that_the_suite_drives() -> None:
    (version,) = re.findall(r"@ohif/app@([\d.]+)", (ROOT / "scripts/fetch_ohif.sh").read_text())
    assert container(DEMO, "ohif")["image"] == f"ohif/app:v{version}"


def test_the_viewer_asks_a_worklist_of_the_settings() -> None:
    asked = set(re.findall(r"(?:qido|wado|wadoUri)Root: '(.+?)'", OHIF["app-config.js"]))
    assert asked == {"/worklists/research/dicom-web", "/worklists/research/wado"}
    assert "profile" in settings(DEMO)["worklists"]["research"]


def test_the_archive_is_where_the_settings_look_for_it() -> None:
    archive = json.loads(one(DEMO, "ConfigMap", "orthanc")["data"]["orthanc.json"])
    (port,) = one(DEMO, "Service", "orthanc")["spec"]["ports"]
    (named,) = container(DEMO, "orthanc")["ports"]
    root = archive["DicomWeb"]["Root"].rstrip("/")
    assert settings(DEMO)["origins"]["archive"]["dicomweb"] == f"http://orthanc:{port['port']}{root}"
    assert archive["HttpPort"] == port["port"] == named["containerPort"]
    assert archive["RemoteAccessAllowed"] is True


@pytest.mark.e2e
def test_a_real_nginx_serves_the_viewer_with_its_settings(tmp_path: Path) -> None:
    port = free_port()
    pages, own = tmp_path / "html", tmp_path / "ohif"
    pages.mkdir()
    own.mkdir()
    (pages / "index.html").write_text("viewer")
    (own / "app-config.js").write_text(OHIF["app-config.js"])
    text = OHIF["ohif.conf"].replace(" /tmp/", f" {tmp_path}/").replace("listen 8080", f"listen 127.0.0.1:{port}")
    text = text.replace("/usr/share/nginx/html", str(pages)).replace("/etc/ohif", str(own))
    workers = "user root;\n" if os.geteuid() == 0 else ""  # another user can't read this folder
    (tmp_path / "ohif.conf").write_text(workers + text)
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert program, "make test installs it"
    command = [program, "-e", "stderr", "-c", str(tmp_path / "ohif.conf"), "-g", "daemon off;"]
    assert container(DEMO, "ohif")["command"][1:4] == ["-e", "stderr", "-c"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as nginx:
        try:
            assert "window.config" in read(f"http://127.0.0.1:{port}/app-config.js")
            assert read(f"http://127.0.0.1:{port}/viewer?StudyInstanceUIDs=1.2") == "viewer"
        finally:
            nginx.terminate()


def read(url: str) -> str:
    """Read a page as soon as it can be read."""
    for _ in range(100):
        try:
            with urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except URLError:
            time.sleep(0.1)
    raise AssertionError(url)
