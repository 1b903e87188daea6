"""Argilla's background jobs, done in the server's own process."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

FIELDS = [{"name": "text", "required": True, "settings": {"type": "text", "use_markdown": True}}]
QUESTIONS = [{"name": "say", "required": True, "settings": {"type": "text"}}]


def until(true: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def test_statuses_follow_a_changed_distribution(argilla: Any, api: Any, make_dataset: Any) -> None:
    owner, ana = (api(argilla.url, argilla.accounts[name].api_key) for name in ("owner", "ana"))
    overlap = {"strategy": "overlap", "min_submitted": 2}
    number = make_dataset(owner, "crowd", fields=FIELDS, questions=QUESTIONS, distribution=overlap)
    items = [{"fields": {"text": "a"}}, {"fields": {"text": "b"}}]
    first = owner.post(f"/datasets/{number}/records/bulk", json={"items": items}).json()["items"][0]["id"]
    answer = {"values": {"say": {"value": "yes"}}, "status": "submitted"}
    assert ana.post(f"/records/{first}/responses", json=answer).status_code == 201

    def completed() -> int:
        return int(owner.get(f"/datasets/{number}/progress").json().get("completed", 0))

    assert completed() == 0
    changed = {"distribution": {"strategy": "overlap", "min_submitted": 1}}
    assert owner.patch(f"/datasets/{number}", json=changed).is_success
    assert until(lambda: completed() == 1)


def test_a_new_webhook_hears_of_the_next_record(argilla: Any, api: Any, make_dataset: Any) -> None:
    owner = api(argilla.url, argilla.api_key)
    number = make_dataset(owner, "crowd", fields=FIELDS, questions=QUESTIONS)
    heard: list[bytes] = []

    class Hears(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hears) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        said = {"url": f"http://127.0.0.1:{listener.server_port}/", "events": ["record.created"], "description": "d"}
        webhook = owner.post("/webhooks", json=said).json()["id"]
        time.sleep(1.1)  # so long "nobody listens" is believed
        assert owner.post(f"/datasets/{number}/records/bulk", json={"items": [{"fields": {"text": "news"}}]}).is_success
        assert until(lambda: any(b"news" in one for one in heard))
        assert owner.delete(f"/webhooks/{webhook}").is_success
        listener.shutdown()
