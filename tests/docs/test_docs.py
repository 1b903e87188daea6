"""What the documents say is so: trees, links, commands, examples, settings and names.

Run as a script it writes the tree of docs/house.md again: `python tests/docs/test_docs.py`.
"""

import ast
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
HOUSE = ROOT / "docs" / "house.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "data" / "samples").rglob("*.md")])
LISTED = ("schemas", "checks", "annotation", "pipelines", "benchmarks", "data", "docs", "examples", "deploy", "tests")
TREE = re.compile(r"(<!-- tree: .*? -->\n```text\n)(.*?)(```\n<!-- end of tree -->)", re.DOTALL)
ENTRY = re.compile(r"^(?P<indent> *)(?P<name>\S+)(?: {2,}(?P<about>.*))?$")
WIDTH = 120
COLUMN = 24


def fenced(page: Path, language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def tracked() -> list[str]:
    """Files in version control, and new ones that it does not ignore."""
    call = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(call, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"not a git checkout: {error}")
    return sorted({path for path in listed if (ROOT / path).is_file()})


def entries(tree: str) -> dict[str, str]:
    """Path to description, folders with a slash at their end."""
    found: dict[str, str] = {}
    above: list[str] = []
    for line in tree.splitlines():
        entry = ENTRY.match(line)
        assert entry, f"not an entry of the tree: {line!r}"
        above = [*above[: len(entry["indent"]) // 2], entry["name"]]
        found["".join(above)] = entry["about"] or ""
    return found


def described(path: str, known: dict[str, str]) -> str:
    """The first sentence of a Python file's docstring; of any other file what the page says, or its first line."""
    file = ROOT / path
    if file.name.endswith(".txt") and (first := file.read_text(encoding="utf-8").split("\n", 1)[0]).startswith("# "):
        return re.split(r"[.;]", first[2:])[0]
    if file.suffix == ".py":
        line = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n", 1)[0]
        return re.split(r"(?<=\w)\. ", line)[0].rstrip(".")
    if file.suffix == ".md" and not known.get(path):
        return file.read_text(encoding="utf-8").split("\n", 1)[0].lstrip("# ")
    return known.get(path, "")


def wanted(files: list[str]) -> list[str]:
    """What the tree has: every file below LISTED, of tests only the folders. A folder stands for its __init__.py."""
    inside = [path for path in files if path.split("/", 1)[0] in LISTED and "/" in path]
    folders = {"/".join(path.split("/")[:depth]) + "/" for path in inside for depth in range(1, path.count("/") + 1)}
    shown = [path for path in inside if not path.startswith("tests/") and not path.endswith("/__init__.py")]
    return sorted({*shown, *folders}, key=_place)


def _place(path: str) -> list[tuple[int, str]]:
    """Folders as LISTED has them; inside a folder files, then helpers, then folders."""
    top, *below = path.rstrip("/").split("/")
    places = [(LISTED.index(top), top)]
    for depth, name in enumerate(below):
        is_folder = depth < len(below) - 1 or path.endswith("/")
        places.append((2 if is_folder else int(name.startswith("_")), name))
    return places


def written(files: list[str], known: dict[str, str]) -> str:
    """The tree as the page has it."""
    lines = []
    for path in wanted(files):
        *above, last = path.rstrip("/").split("/")
        name = "  " * len(above) + last + ("/" if path.endswith("/") else "")
        package = f"{path}__init__.py"
        about = described(package, known) if package in files else described(path, known)
        lines.append(_cut(f"{name:<{COLUMN}}  {about}".rstrip()))
    return "\n".join(lines) + "\n"


def _cut(line: str) -> str:
    """What is too wide ends at the last pause that fits."""
    if len(line) <= WIDTH:
        return line
    pauses = [found.start() for found in re.finditer(r"[,;:] | and ", line[:WIDTH])]
    return line[: pauses[-1]]


def house_tree() -> str:
    found = TREE.search(HOUSE.read_text(encoding="utf-8"))
    assert found, "docs/house.md has no tree between its two comments"
    return found[2]


def test_the_tree_has_every_file_and_no_other():
    tree, files = house_tree(), tracked()
    assert set(entries(tree)) == set(wanted(files)), "run python tests/docs/test_docs.py"
    assert tree == written(files, entries(tree)), "run python tests/docs/test_docs.py"


def test_every_file_in_the_tree_says_what_it_is():
    silent = [path for path, about in entries(house_tree()).items() if not about]
    assert not silent, "give it a docstring, or a description in the tree of docs/house.md"
    assert max(map(len, house_tree().splitlines())) <= WIDTH


def targets(page: Path) -> Iterator[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    yield from re.findall(r"\]\(([^)\s]+)\)", text)


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    for target in targets(page):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), f"{target} does not exist"
        assert not anchor or anchor in anchors(file), f"{target}: no such heading"


def commands(page: Path) -> list[list[str]]:
    """The shell commands of a page, without variables set before them."""
    lines = [line for block in fenced(page, "sh") for line in block.replace("\\\n", " ").splitlines()]
    split = [shlex.split(line, comments=True) for line in lines]
    return [[word for place, word in enumerate(words) if place or "=" not in word] for words in split if words]


def scripted() -> str:
    """What CI runs of its own accord."""
    files = (ROOT / "Makefile", ROOT / "tests" / "readme.sh")
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.exists())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_that_is_shown_exists(page):
    import typer

    from pipelines.cli import app

    goals = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for words in commands(page):
        if words[0] == "make":
            assert set(words[1:]) <= goals, f"no such goal: {words}"
        elif words[0] == "assay":
            # Parsing fails for a command or a flag that does not exist, and for one that is missing.
            command, rest = typer.main.get_command(app), words[1:]
            while rest and rest[0] in getattr(command, "commands", {}):
                command, rest = command.commands[rest[0]], rest[1:]
            command.make_context(words[1], rest)
        elif words[:1] == ["python"] and words[1].startswith("examples/"):
            # With other arguments on the page than in the script: what is shown with them is named after a run.
            assert f"python {words[1]} " in scripted(), f"nobody runs {words[1]}"
        else:
            assert " ".join(words) in scripted() or words[:3] == ["prefect", "server", "start"], f"nobody runs {words}"


def test_every_subcommand_is_in_readme():
    import typer

    from pipelines.cli import app

    text = README.read_text(encoding="utf-8")
    for name in typer.main.get_command(app).commands:
        assert f"| `assay {name}" in text


def test_settings_md_has_every_setting_with_its_default(tmp_path):
    from schemas.settings import Settings, load_settings

    page = ROOT / "docs" / "settings.md"
    text = page.read_text(encoding="utf-8")
    for name, value in Settings().model_dump(mode="json").items():
        for key, default in value.items() if isinstance(value, dict) else [("", value)]:
            shown = yaml.safe_dump([default], default_flow_style=True).strip()[1:-1]
            if name == "annotation" and isinstance(default, dict | list):
                # What has parts is told part by part, or in words.
                assert f"| `{name}.{key}" in text
            else:
                assert f"| `{name}{'.' if key else ''}{key}` | `{shown}` |" in text
    defaults, example, review = (_file(tmp_path, block) for block in fenced(page, "yaml"))
    assert load_settings(review).annotation.tiers["expert"].budget == 600
    assert load_settings(defaults) == Settings()
    assert load_settings(example).validation.severities["formatting.url_in_prompt"] == "off"


def test_checks_md_shows_settings_that_load(tmp_path):
    from schemas.settings import load_settings

    (block,) = fenced(ROOT / "docs" / "checks.md", "yaml")
    assert load_settings(_file(tmp_path, block)).validation.severities["formatting.url_in_prompt"] == "off"


def test_the_policy_in_gate_md_loads_and_names_real_figures(tmp_path):
    from pipelines.gate import judge
    from schemas.policy import load_policy
    from schemas.report import Report

    (block,) = fenced(ROOT / "docs" / "gate.md", "yaml")
    report = Report.model_validate_json((ROOT / "tests" / "pipelines" / "reports" / "full.json").read_bytes())
    policy = load_policy(_file(tmp_path, block))
    assert {demand.figure for demand in judge(report, policy).demands} == {each.figure for each in policy.demands}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_python_examples_import_what_exists(page):
    for block in fenced(page, "python"):
        imports = [node for node in ast.parse(block).body if isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(ast.Module(imports, []), str(page), "exec"), {})


def test_record_md_shows_every_shape_in_the_order_they_are_tried():
    from pipelines._shapes import SHAPES, detect, drafts_of

    page = ROOT / "docs" / "record.md"
    named = re.findall(r"^### `(.+)`$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert named == list(SHAPES)
    for name, example in zip(named, fenced(page, "json"), strict=True):
        row = json.loads(example)
        assert detect([row]) == name
        assert all(draft.messages for draft in drafts_of(row, name))


def test_record_md_names_every_column_outcome_file_and_reason():
    from pipelines._workspace import OWNED
    from schemas.outcome import LEDGER_SCHEMA, Fate
    from schemas.record import RECORD_SCHEMA

    text = (ROOT / "docs" / "record.md").read_text(encoding="utf-8")
    for name in {*RECORD_SCHEMA, *LEDGER_SCHEMA, *(fate.value for fate in Fate), *unreadable_reasons()}:
        assert re.search(rf"^\| [^|]*`{name}`", text, re.MULTILINE), f"{name} is in no table of record.md"
    for name in OWNED:
        assert re.search(rf"^\| [^|]*`{name}[`/]", text, re.MULTILINE), f"{name} is in no table of record.md"


def unreadable_reasons() -> set[str]:
    """Every reason that the readers and the shapes give in so many words."""
    said = r'(?:Broken\([^"]*?|NotARecord\()"([a-z_]+)"|return "(nul|[a-z_]+)", f?"'
    sources = (file.read_text(encoding="utf-8") for file in (ROOT / "pipelines").glob("_*.py"))
    found = {word for source in sources for pair in re.findall(said, source) for word in pair if word}
    assert {"json", "nul", "type", "quotes"} <= found
    return found


# A letter in brackets keeps the patterns from finding themselves here.
UNWANTED = {
    "a path of one machine": r"(?<![\w.])/(?:wor[k]|roo[t]|hom[e]/\w|User[s]/\w|tmp/[w])\b",
    "a registry's host": r"pypi\.or[g]|pythonhosted\.or[g]|npmjs\.or[g]|(?:index-ur[l]|find-link[s])[ =]",
    "an issue's number": r"(?i)\bissues? ?#?\d|\b(?:fixes|closes|resolves) #\d|\(#\d+\)",
}


@pytest.mark.parametrize("what", UNWANTED)
def test_no_file_holds(what):
    for path in tracked():
        content = (ROOT / path).read_bytes()
        if b"\0" in content:
            continue
        found = re.search(UNWANTED[what], content.decode("utf-8", "replace"))
        assert found is None, f"{path} holds {what}: {found[0]}"


def test_decisions_are_all_in_their_index():
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    for page in folder.glob("0*.md"):
        assert f"]({page.name})" in index


def _file(folder: Path, block: str) -> Path:
    path = folder / f"{len(list(folder.iterdir()))}.yaml"
    path.write_text(block, encoding="utf-8")
    return path


if __name__ == "__main__":
    tree = written(tracked(), entries(house_tree()))
    HOUSE.write_text(TREE.sub(lambda found: found[1] + tree + found[3], HOUSE.read_text("utf-8")), "utf-8")
