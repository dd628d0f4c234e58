from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from npng_edge import config
from npng_edge.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

THREE_MISTAKES = """\
place:
  bed: "bed/01"
camera:
  fps: -3
  rotatoin: 90
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    path = write(folder, text)
    with pytest.raises(config.ConfigError) as caught:
        config.load(path)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_three_mistakes_are_all_shown_with_line_key_and_value(tmp_path: Path) -> None:
    found = problems(tmp_path, THREE_MISTAKES)
    assert len(found) == 3
    assert found[0].startswith('2: place.bed: "bed/01" is refused')
    assert found[1] == "4: camera.fps: -3 is refused: input should be greater than 0"
    assert found[2] == "5: camera.rotatoin: is not a setting; did you mean rotation?"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("camera:\n  masks: [[[0, 0], [1, 0], [1, 2]]]\n", "2: camera.masks[0][2][1]: 2 is refused"),
        ("broker:\n  host: a\n  tls:\n    certificate: a.pem\n", "3: broker.tls: certificate and key go together"),
        ("policy:\n  pain:\n    threshold_vas: high\n", '3: policy.pain.threshold_vas: "high" is refused'),
        ("policy:\n  pain:\n    threshold_vas: .nan\n", "3: policy.pain.threshold_vas: NaN is refused"),
        (
            "policy:\n  pain:\n    threshold: 4\n",
            "3: policy.pain.threshold: is not a setting; did you mean threshold_vas?",
        ),
        ("policy:\n  pain:\n    threshold_vas: 8\n", "2: policy.pain: threshold_vas must not be above severe_vas"),
        ("camera:\n  fps: 5\ncamera:\n  fps: 6\n", "3: camera: is given twice"),
        ("version: 2\n", "1: version: 2 is refused"),
        ("- a\n- b\n", "1: must be a mapping"),
        ("camera: [\n", "2: is not YAML"),
        ("camera: 5\n", "1: camera: 5 is refused"),
        (
            "place:\n  bed: 2026-99-99x\n  unit: 2026-99-99\nversion: 2026-99-99\n",
            '4: version: "2026-99-99" is refused',
        ),
        ("place: &a\n  bed: *a\n", "2: place.bed: is an alias; write the value out"),
        ("camera:\n  masks: &m []\nseeing:\n  bed_region: *m\n", "4: seeing.bed_region: is an alias"),
        ("camera:\n  fps: !!int x\n", "2: camera.fps: 'x' is refused: it cannot be read as int"),
        (f"camera:\n  fps: {'9' * 5000}\n", f"2: camera.fps: '{'9' * 40}' is refused: it cannot be read as int"),
        (f"camera:\n  width: 0x{'f' * 5000}\n", '2: camera.width: "0xfff'),
        ("camera:\n  source: !!python/name:os.system\n", "2: camera.source: has the tag"),
        ('storage:\n  directory: "a\\0b"\n', "2: storage.directory: 'a\\x00b' is refused: it holds a character"),
        ('place:\n  bed: "\\ud800"\n', "2: place.bed: '\\ud800' is refused: it holds a character"),
        ("? [a, b]\n: c\n", "1: ?: is no name for a setting"),
        ("camera:\n  fps: [[[[[[[[[[[[[1]]]]]]]]]]]]]\n", "2: camera.fps[0]"),
        ("[" * 5000, " is nested too deeply"),
        ("- " * 5000, " is nested too deeply"),
        ("#" * 20_001, " is too large: more than 20000 characters"),
        ("camera:\n  fps: 5\n\x07", "3: is not YAML: special characters are not allowed"),
    ],
)
def test_a_mistake_names_line_key_and_value(tmp_path: Path, text: str, expected: str) -> None:
    assert any(line.startswith(expected) for line in problems(tmp_path, text)), problems(tmp_path, text)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match=r"absent\.yaml: cannot be read \(No such file"):
        config.load(tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(config.ConfigError, match="cannot be read"):
        config.load(tmp_path / "binary.yaml")


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert config.load(write(tmp_path, "# nothing\n")) == Settings()


def test_the_example_is_the_defaults_and_explains_every_setting(tmp_path: Path) -> None:
    text = config.example()
    assert config.load(write(tmp_path, text)) == Settings()
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if not line.lstrip().startswith("#"):
            assert lines[number - 1].lstrip().startswith("#"), f"{line!r} is not explained"


def test_a_dump_is_read_back_to_the_same_settings(tmp_path: Path) -> None:
    text = "camera:\n  masks: [[[0, 0], [0.5, 0], [0.5, 1]]]\nbroker:\n  host: ward\n  tls: {ca: /etc/ca.pem}\n"
    settings = config.load(write(tmp_path, text))
    assert config.load(write(tmp_path, config.dump(settings))) == settings
    assert settings.broker is not None
    assert settings.broker.port == 1883


def test_the_schema_is_json_and_forbids_unknown_keys() -> None:
    schema = json.loads(config.schema())
    assert schema["additionalProperties"] is False
    assert schema["properties"]["place"]["$ref"].endswith("/Place")
