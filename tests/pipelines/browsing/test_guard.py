"""Who is answered: the page that was opened with its key on this machine, and nobody's else."""

import json
import shutil
import socket
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest

from pipelines.browsing.guard import HEADERS


def ask(shown: Any, path: str, *, key: bool = True, method: str = "GET", body: str | None = None, **more: str) -> Any:
    """The answer's status and text; headers are named with underscores."""
    where = urlsplit(shown.url)
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    if key:
        headers["cookie"] = f"assay-browse-{where.port}={shown.key}"
    connection = HTTPConnection("127.0.0.1", where.port or 0, timeout=60)
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    told = answer.status, answer.read().decode()
    connection.close()
    return told


def write_key(shown: Any) -> str:
    return str(ask(shown, "/")[1].partition('name="assay-write" content="')[2].partition('"')[0])


def test_without_the_key_nothing_is_told(shown: Any) -> None:
    for path in ("/", "/?key=guessed", "/api/rows", "/static/browse.js"):
        status, text = ask(shown, path, key=False)
        assert (status, text) == (403, "assay: the key is missing; open the address that assay browse printed\n")
    assert ask(shown, f"/?key={shown.key}", key=False)[0] == 200
    assert ask(shown, "/api/about")[0] == 200


def test_a_name_that_somebody_points_here_is_not_answered(shown: Any) -> None:
    port = urlsplit(shown.url).port
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1.evil.example:{port}"):
        assert ask(shown, "/api/rows", host=host) == (421, "assay: this is answered on loopback addresses only\n")
    assert ask(shown, "/api/rows?size=1", host=f"localhost:{port}")[0] == 200


def test_another_sites_page_reads_and_writes_nothing(made: Any, shown: Any) -> None:
    assert ask(shown, "/api/rows", sec_fetch_site="cross-site")[0] == 403
    row = json.loads(ask(shown, "/api/rows?outcome=dropped")[1])["rows"][0]
    body = json.dumps({"record_id": row["record_id"], "verdict": "restore", "why": "mine"})
    where = f"/api/rows/{row['row']}/decide"
    mine = {"origin": shown.url, "x_assay_write": write_key(shown)}
    for wrong in (
        {"origin": "http://evil.example"},
        {"origin": ""},
        {"x_assay_write": "guessed"},
        {"x_assay_write": ""},
    ):
        assert ask(shown, where, method="POST", body=body, **(mine | wrong)) == (
            403,
            "assay: only the page itself may write\n",
        )
    assert not (made.folder / "store").exists()


def test_every_answer_forbids_what_is_not_ours(shown: Any) -> None:
    where = urlsplit(shown.url)
    connection = HTTPConnection("127.0.0.1", where.port or 0, timeout=60)
    for path in (f"/?key={shown.key}", "/api/rows", "/nowhere"):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["server"] is None
    connection.close()


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("page=0", "page: Input should be greater than or equal to 1"),
        ("size=1000", "size: Input should be less than or equal to 200"),
        ("sort=messages", "'messages' is nothing to sort by"),
        ("text=" + "a" * 301, "text: String should have at most 300 characters"),
        ("text=%5B&regex=1", "'[' is no pattern"),
        ("nonsense=1", "nonsense"),
        ("text=(%5Cw%7B500%7D)%7B500%7D&regex=1", "is no pattern"),
    ],
)
def test_a_question_that_is_none_is_refused_in_one_line(shown: Any, query: str, complaint: str) -> None:
    status, text = ask(shown, f"/api/rows?{query}")
    assert status == 400
    assert complaint in json.loads(text)["error"]


def test_a_decision_that_is_none_writes_nothing(made: Any, shown: Any) -> None:
    row = json.loads(ask(shown, "/api/rows?outcome=dropped")[1])["rows"][0]
    lost = json.loads(ask(shown, "/api/rows?outcome=unreadable")[1])["rows"][0]
    mine = {"origin": shown.url, "x_assay_write": write_key(shown)}
    given = {"record_id": row["record_id"], "verdict": "restore", "why": "so"}
    for number, body, complaint in (
        (row["row"], "{", "no decision that can be read"),
        (row["row"], json.dumps(given | {"why": "x" * 40_000}), "no decision that can be read"),
        (row["row"], json.dumps(given | {"why": "x" * 2_001}), "the reason has 2,001 characters"),
        (row["row"], json.dumps(given | {"why": " "}), "needs a reason"),
        (row["row"], json.dumps(given | {"verdict": "accept"}), "a verdict is restore, reject or undo"),
        (row["row"], json.dumps(given | {"verdict": "undo"}), "nothing was decided of it by hand"),
        (row["row"], json.dumps(given | {"verdict": "reject"}), "is not released (dropped)"),
        (row["row"], json.dumps(given | {"record_id": "f" * 64}), "made anew since"),
        (lost["row"], json.dumps(given), "made anew since"),
        (10_000, json.dumps(given), "the release has 13 rows"),
    ):
        status, text = ask(shown, f"/api/rows/{number}/decide", method="POST", body=body, **mine)
        assert status == 400
        assert complaint in json.loads(text)["error"]


def test_an_altered_release_is_shown_and_says_so(house: Any, show: Callable[..., Any]) -> None:
    ledger = house.release / "ledger.parquet"
    pl.read_parquet(ledger).with_columns(detail=pl.lit("changed by hand")).write_parquet(ledger)
    shown = show(house)
    assert (
        shown.said[0]
        == "altered     release/ledger.parquet: was altered after the release was made; run `assay curate` again"
    )
    assert "was altered" in json.loads(ask(shown, "/api/about")[1])["altered"]


def test_mistakes_are_told_in_one_line(house: Any, tmp_path: Path) -> None:
    assert "is not a folder" in house.assay("browse", "nowhere", code=2)
    assert "ssh -L" in house.assay("browse", "release", "--host", "0.0.0.0", code=2)
    assert "needs a name" in house.assay("browse", "release", "--by", " ", code=2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"--port {port}: cannot be listened on" in house.assay("browse", "release", "--port", port, code=2)
    shutil.rmtree(house.release / "splits")
    (house.release / "records.parquet").write_bytes(b"no parquet")
    assert "cannot be read; run `assay curate` again" in house.assay("browse", "release", code=2)
