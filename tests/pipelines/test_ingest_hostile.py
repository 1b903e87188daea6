"""Files that are no data: each is refused with one clear line, in bounded time and memory."""

import gzip
import resource
from pathlib import Path

import orjson
import polars as pl
import pytest
import zstandard

from pipelines.ingest import Ingested, ingest
from schemas.errors import SourceError

GOOD = b'{"prompt": "a", "completion": "b"}\n'
MANY = GOOD * 20_000


def read(file: Path, max_record_bytes: int = 2**20) -> Ingested:
    return ingest(
        [str(file)], workdir=file.parent / "work", shape=None, batch_bytes=2**16, max_record_bytes=max_record_bytes
    )


def refusal(tmp_path: Path, name: str, content: bytes) -> str:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError) as found:
        read(tmp_path / name)
    line = str(found.value)
    assert line.startswith(f"{tmp_path / name}: ")
    assert "\n" not in line
    assert len(line) < 500
    return line.removeprefix(f"{tmp_path / name}: ")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.json", b"<!DOCTYPE html>\n<html></html>", "is HTML or XML, not data"),
        ("a.csv", b"\n <html><body>404</body></html>", "is HTML or XML, not data"),
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "is a Git LFS pointer"),
        ("a.parquet", b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        ("a.jsonl.gz", gzip.compress(MANY)[:-20], "is a damaged or truncated gzip file"),
        ("a.jsonl", gzip.compress(MANY)[:100], "is a damaged or truncated gzip file"),
        ("a.jsonl.zst", zstandard.compress(MANY)[:-20], "is a damaged or truncated zstd file"),
        ("a.jsonl.gz", gzip.compress(MANY) + b"tail", "is a damaged or truncated gzip file"),
        ("a.json", b"", "holds no rows"),
        ("a.json", b"  \n ", "holds no rows"),
        ("a.json", b"[]", "holds no rows"),
        ("a.json", b'{"data": []}', "holds no rows"),
        ("a.csv", b"prompt,completion\n", "holds no rows"),
        ("a.jsonl.gz", gzip.compress(b""), "holds no rows"),
        ("a.jsonl", GOOD.decode().encode("utf-16"), "is UTF-16 text"),
        ("a.jsonl", GOOD.decode().encode("utf-16-le"), "is binary data or UTF-16 text"),
        ("a.jsonl", bytes(range(256)) * 20, "is binary data or UTF-16 text"),
        ("a.json", b"PK\x03\x04" + bytes(50), "is a ZIP archive"),
        ("a.jsonl.bz2", b"BZh91AY" + bytes(50), "is bzip2 data"),
        ("a.parquet", b"hello", "is no parquet file"),
        ("a.parquet", b"PAR1" + b"\x15" * 90 + b"PAR1", "is a damaged or truncated Parquet file"),
        ("a.arrow", b"ARROW1\0\0" + bytes(90), "is a damaged or truncated Arrow file"),
        ("a.txt", b"Once upon a time", "is not data that Assay reads (a.txt)"),
        (
            "a.jsonl",
            b"caf\xe9\n" * 9,
            "all 9 rows are unreadable; row 1: unreadable.encoding (byte 0xe9 at byte 4 is not UTF-8)",
        ),
        (
            "a.jsonl",
            b'{"prompt": 1, "completion": 2}\n' * 3,
            "all 3 rows are unreadable; row 1: unreadable.type (prompt is a number (1), not text)",
        ),
        (
            "a.json",
            b"[" * 100_000,
            "its only row is unreadable; row 1: unreadable.too_deep (is nested deeper than 1024 levels)",
        ),
        ("a.jsonl", b"[" * 100_000 + b"]" * 100_000, "its only row is unreadable; row 1: unreadable.too_deep"),
        (
            "a.jsonl",
            b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
            "its only row is unreadable; row 1: unreadable.too_deep",
        ),
        ("a.jsonl", b'{"prompt": "a\x00"}\n', "its only row is unreadable; row 1: unreadable.nul"),
        (
            "a.jsonl",
            b'{"text": "a"}\n' * 2,
            "all 2 rows are unreadable; row 1: unreadable.shape (has the keys text, which",
        ),
        ("a.json", b'"just text"', "its only row is unreadable; row 1: unreadable.shape"),
        ("a.csv", b"a,a\n1,2\n", "two columns are called 'a'"),
    ],
)
def test_what_is_no_data_is_refused_in_one_line(name: str, content: bytes, why: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, name, content).startswith(why)


def test_nothing_of_half_an_archive_is_kept(tmp_path: Path) -> None:
    (tmp_path / "half.jsonl.gz").write_bytes(gzip.compress(MANY)[:-20])
    (tmp_path / "whole.jsonl").write_bytes(GOOD)
    sources = [str(tmp_path / "half.jsonl.gz"), str(tmp_path / "whole.jsonl")]
    result = ingest(sources, workdir=tmp_path / "work", shape=None, batch_bytes=2**12, max_record_bytes=2**20)
    assert [figures.status for figures in result.sources] == ["refused", "read"]
    frame = pl.read_parquet(result.records)
    assert frame.select("row_id", "source").rows() == [(0, str(tmp_path / "whole.jsonl"))]
    assert list((tmp_path / "work").rglob("*.parquet")) != []
    assert not (tmp_path / "work" / "ingest" / "00000").exists()


@pytest.mark.parametrize("content", [b"x" * 300_000, b'{"prompt": "' + b"x" * 300_000 + b'"}', b'"' + b"x" * 300_000])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_one_endless_line_is_too_long(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        SourceError, match=r"its only row is unreadable; row 1: unreadable\.too_long \(is longer than 1000"
    ):
        read(tmp_path / name, max_record_bytes=1000)


def test_an_array_on_one_line_is_data_however_long_the_line(tmp_path: Path) -> None:
    rows = [{"prompt": f"q{number}", "completion": "a"} for number in range(5000)]
    (tmp_path / "a.jsonl").write_bytes(orjson.dumps(rows))
    assert read(tmp_path / "a.jsonl", max_record_bytes=1000).sources[0].records == 5000


def test_a_bomb_is_unpacked_piece_by_piece_and_its_record_is_too_long(tmp_path: Path) -> None:
    bomb = b"".join([b'{"prompt": "', b"x" * 50_000_000, b'", "completion": "b"}\n', GOOD])
    (tmp_path / "a.jsonl.zst").write_bytes(zstandard.compress(bomb))
    result = read(tmp_path / "a.jsonl.zst", max_record_bytes=2**16)
    assert pl.read_parquet(result.unreadable).select("source_row", "reason").rows() == [(1, "unreadable.too_long")]
    assert pl.read_parquet(result.records)["source_row"].to_list() == [2]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_two_hundred_megabytes_on_one_line_stay_out_of_the_memory(name: str, tmp_path: Path) -> None:
    with (tmp_path / name).open("wb") as file:
        for _ in range(200):
            file.write(b"x" * 10**6)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SourceError, match=r"unreadable\.too_long"):
        read(tmp_path / name)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # in KiB
    assert grown < 100 * 1024
