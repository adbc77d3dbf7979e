from pathlib import Path

import pytest

from gateway.config import load_settings
from gateway.core.errors import ConfigFaults
from gateway.screening import extra

SETTINGS = """profiles: ./profiles
secret: {env: SECRET}
origins: {a: {dicomweb: "http://127.0.0.1:8042/dicom-web"}}
worklists:
  w: {origin: a, profile: mine}
"""
FAULT = (
    'settings.yaml:5: worklists.w.profile: profile "mine" wants text in pictures searched for, and '
    "onnxruntime_ and rapidocr_ missing: pip install 'dicomveil[screen]'"
)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "MODULES", tuple(f"{name}_" for name in extra.MODULES))


def load(folder: Path, policy: str) -> list[str]:
    (folder / "profiles").mkdir()
    mine = f"name: mine\nbased_on: nominal\napply_masks: true\nburned_in_text: {policy}\n"
    (folder / "profiles" / "mine.yaml").write_text(mine)
    (folder / "settings.yaml").write_text(SETTINGS)
    try:
        load_settings(folder / "settings.yaml", {"SECRET": "s" * 32})
    except ConfigFaults as faults:
        return [str(fault).removeprefix(f"{folder}/") for fault in faults.faults]
    return []


@pytest.mark.parametrize("policy", ["screen", "mask_or_screen"])
def test_a_profile_that_screens_is_refused_where_nothing_can(
    policy: str, tmp_path: Path, nothing_installed: None
) -> None:
    (fault,) = load(tmp_path, policy)
    assert fault == FAULT


@pytest.mark.parametrize("policy", ["mask", "refuse", "allow"])
def test_others_need_nothing(policy: str, tmp_path: Path, nothing_installed: None) -> None:
    assert load(tmp_path, policy) == []


def test_with_the_extra_all_profiles_are_good(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr", reason="needs the extra screen")
    assert load(tmp_path, "screen") == []
