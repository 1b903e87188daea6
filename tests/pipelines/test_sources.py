"""Sources: what a user may name, and what is made of folders, links, globs, URLs and mistakes."""

import json
import os
import socket
from pathlib import Path

import fsspec
import pytest

from pipelines._sources import FileSource, RefusedSource, find_sources
from pipelines.ingest import read_records
from schemas.errors import SourceError

ROW = b'{"prompt": "a", "completion": "b"}\n'


def names(*arguments: str) -> list[str]:
    return [source.name for source in find_sources(arguments) if not isinstance(source, RefusedSource)]


def refusals(*arguments: str) -> dict[str, str]:
    return {source.name: source.why for source in find_sources(arguments) if isinstance(source, RefusedSource)}


def put(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ROW)


def test_a_file_keeps_the_name_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "a.jsonl")
    monkeypatch.chdir(tmp_path)
    assert names("./a.jsonl") == ["./a.jsonl"]


def test_a_folder_is_read_through_in_order_without_what_is_no_data(tmp_path: Path) -> None:
    put(tmp_path / "b.json", tmp_path / "a" / "z.csv.gz", tmp_path / "a" / "y.parquet")
    put(tmp_path / "README.md", tmp_path / ".hidden.json", tmp_path / ".git" / "x.json", tmp_path / "dataset_info.json")
    expected = [f"{tmp_path}/a/y.parquet", f"{tmp_path}/a/z.csv.gz", f"{tmp_path}/b.json"]
    assert names(f"{tmp_path}/") == expected
    assert refusals(str(tmp_path)) == {}


def test_a_folder_without_data_names_what_it_holds(tmp_path: Path) -> None:
    put(tmp_path / "notes.txt", tmp_path / "x.pdf")
    assert refusals(str(tmp_path))[str(tmp_path)].startswith(
        "holds no data files (only notes.txt, x.pdf); Assay reads .json"
    )


def test_links_in_a_loop_end(tmp_path: Path) -> None:
    put(tmp_path / "data" / "a.json")
    (tmp_path / "data" / "again").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "a-link.json").symlink_to(tmp_path / "data" / "a.json")
    assert names(str(tmp_path / "data")) == [f"{tmp_path}/data/a.json"]
    assert refusals(str(tmp_path / "data")) == {}


def test_a_folder_of_nothing_but_a_loop_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop" / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    found = refusals(str(tmp_path / "loop"), str(tmp_path / "self"))
    assert found[f"{tmp_path}/loop"].startswith("holds no data files")
    assert found[f"{tmp_path}/self"] == "is a loop of symbolic links; name the file itself"


def test_a_link_out_of_the_folder_is_refused_and_told(tmp_path: Path) -> None:
    put(tmp_path / "outside.json", tmp_path / "data" / "a.json")
    (tmp_path / "data" / "out.json").symlink_to(tmp_path / "outside.json")
    (tmp_path / "data" / "gone.json").symlink_to(tmp_path / "nothing.json")
    assert refusals(str(tmp_path / "data")) == {
        f"{tmp_path}/data/gone.json": "is a symbolic link to nothing; remove it or restore its target",
        f"{tmp_path}/data/out.json": "is a symbolic link out of the folder; name its target as a source of its own",
    }


def test_a_glob_is_sorted_and_says_when_it_matches_nothing(tmp_path: Path) -> None:
    put(tmp_path / "b.json", tmp_path / "a.json", tmp_path / "c" / "d.json", tmp_path / "n.txt")
    assert names(f"{tmp_path}/*.json") == [f"{tmp_path}/a.json", f"{tmp_path}/b.json"]
    assert names(f"{tmp_path}/**/*.json")[-1] == f"{tmp_path}/c/d.json"
    assert refusals("no/such/*.json")["no/such/*.json"].startswith("matches no file")


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path) -> None:
    put(tmp_path / "a[1].json")
    assert names(f"{tmp_path}/a[1].json") == [f"{tmp_path}/a[1].json"]


def test_what_is_named_twice_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "a.json")
    monkeypatch.chdir(tmp_path)
    first, second = find_sources(["a.json", str(tmp_path)])
    assert isinstance(first, FileSource)
    assert isinstance(second, RefusedSource)
    assert second.why == "is named twice; it is read once, remove the second mention"


def test_urls_are_read_through_fsspec(tmp_path: Path) -> None:
    put(tmp_path / "a.jsonl")
    memory = fsspec.filesystem("memory")
    memory.pipe({"/box/one.jsonl": ROW, "/box/deep/two.jsonl": ROW * 2, "/box/notes.txt": b"-"})
    assert read_records(f"file://{tmp_path}/a.jsonl")["source"].to_list() == [f"file://{tmp_path}/a.jsonl"]
    assert read_records("memory://box/one.jsonl").height == 1
    assert names("memory://box") == ["memory://box/deep/two.jsonl", "memory://box/one.jsonl"]
    assert names("memory://box/*.jsonl") == ["memory:///box/one.jsonl"]
    assert refusals("memory://box/none.jsonl") == {"memory://box/none.jsonl": "does not exist; check the URL"}
    assert "cannot be reached" in refusals("nosuch://box/a.jsonl")["nosuch://box/a.jsonl"]


@pytest.mark.parametrize("name", ["missing.jsonl", "some/missing.jsonl", "a\x00b"])
def test_a_path_that_leads_nowhere_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match="check the path"):
        read_records(name)


def test_a_hub_name_without_a_network_says_both(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    with pytest.raises(SourceError, match=r"^someone/something: does not exist here, and the Hugging Face hub cannot"):
        read_records("someone/something")


def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(SourceError, match="is a pipe, socket or device"):
        read_records(str(tmp_path / "pipe.jsonl"))
    with pytest.raises(SourceError, match="is a pipe, socket or device"):
        read_records("/dev/zero")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "a.json")
    (tmp_path / "a.json").chmod(0)
    with pytest.raises(SourceError, match="permission denied"):
        read_records(str(tmp_path / "a.json"))


def test_a_saved_dataset_that_is_damaged_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "saved" / "state.json", tmp_path / "saved" / "dataset_info.json")
    (found,) = refusals(str(tmp_path)).values()
    assert found.startswith("is a saved dataset that cannot be loaded")


def test_a_saved_dataset_takes_no_file_from_outside_of_its_folder(tmp_path: Path) -> None:
    import datasets

    secret = datasets.Dataset.from_list([{"prompt": "What is it?", "completion": "A secret."}])
    secret.save_to_disk(str(tmp_path / "secret"))
    (arrow,) = (tmp_path / "secret").glob("*.arrow")
    for way in ("dots", "link"):
        folder = tmp_path / way / "saved"
        secret.save_to_disk(str(folder))
        (own,) = folder.glob("*.arrow")
        own.unlink()
        if way == "link":
            own.symlink_to(arrow)
        else:
            state = json.loads((folder / "state.json").read_text())
            state["_data_files"] = [{"filename": f"../../secret/{arrow.name}"}]
            (folder / "state.json").write_text(json.dumps(state))
        (found,) = refusals(str(folder)).values()
        assert found == "is a saved dataset with files outside of its folder; save it again"
