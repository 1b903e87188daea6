"""Who may read what, over HTTP: keys, workspaces, other sites' pages."""

from typing import Any

import httpx

FIELDS = [{"name": "text", "required": True, "settings": {"type": "text", "use_markdown": True}}]
QUESTIONS = [{"name": "say", "required": True, "settings": {"type": "text"}}]


def test_a_key_that_is_not_one_is_refused(argilla: Any, api: Any) -> None:
    for key in ("argilla.apikey", "owner.apikey", "1234", argilla.api_key[:-1], ""):
        assert api(argilla.url, key).get("/me").status_code == 401
    assert httpx.get(f"{argilla.url}/api/v1/me", headers={"Authorization": "Bearer a.b.c"}).status_code == 401
    assert api(argilla.url, argilla.api_key).get("/me").json()["role"] == "owner"


def test_no_well_known_password_opens_anything(argilla: Any) -> None:
    """In a quickstart of Argilla one of these would."""
    known = (("argilla", "12345678"), ("owner", "12345678"), ("admin", "12345678"), ("argilla", "1234"))
    for name, password in known:
        refused = httpx.post(f"{argilla.url}/api/v1/token", data={"username": name, "password": password})
        assert refused.status_code == 401
        assert "access_token" not in refused.text


def test_an_annotator_sees_his_own_tiers_workspace_and_no_other(argilla: Any, api: Any, make_dataset: Any) -> None:
    owner = api(argilla.url, argilla.api_key)
    secret = make_dataset(owner, "expert", fields=FIELDS, questions=QUESTIONS)
    record = {"fields": {"text": "for experts only"}}
    made = owner.post(f"/datasets/{secret}/records/bulk", json={"items": [record]})
    number = made.json()["items"][0]["id"]

    ana, eva = (api(argilla.url, argilla.accounts[name].api_key) for name in ("ana", "eva"))
    # Other tests on this server may have let them into workspaces of their own.
    hers, evas = ({one["name"] for one in who.get("/me/workspaces").json()["items"]} for who in (ana, eva))
    assert "crowd" in hers
    assert "expert" not in hers
    assert "expert" in evas
    assert "crowd" not in evas
    assert secret not in {one["id"] for one in ana.get("/me/datasets").json()["items"]}
    assert secret in {one["id"] for one in eva.get("/me/datasets").json()["items"]}
    search = {"query": {"text": {"q": "experts"}}}
    answer = {"values": {"say": {"value": "mine"}}, "status": "submitted"}
    for refused in (
        ana.get(f"/datasets/{secret}"),
        ana.get(f"/datasets/{secret}/records"),
        ana.get(f"/me/datasets/{secret}/metrics"),
        ana.post(f"/me/datasets/{secret}/records/search", json=search),
        ana.get(f"/records/{number}"),
        ana.post(f"/records/{number}/responses", json=answer),
        ana.patch(f"/records/{number}", json={"metadata": {}}),
        ana.get("/users"),
    ):
        assert refused.status_code == 403
        assert "for experts only" not in refused.text
    bulk = ana.post("/me/responses/bulk", json={"items": [{"record_id": number, **answer}]})
    assert [one["item"] for one in bulk.json()["items"]] == [None]
    assert "for experts only" not in bulk.text
    found = eva.post(f"/me/datasets/{secret}/records/search?include=responses", json=search).json()
    assert found["total"] == 1
    kept = owner.get(f"/datasets/{secret}/records?include=responses").json()["items"]
    assert [one["responses"] for one in kept] == [[]]


def test_no_other_sites_page_may_read_answers(argilla: Any) -> None:
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", argilla.url):
        asked = {"Origin": origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-y"}
        plain = httpx.get(f"{argilla.url}/api/v1/status", headers={"Origin": origin})
        preflight = httpx.options(f"{argilla.url}/api/v1/me", headers=asked)
        assert "access-control-allow-origin" not in plain.headers
        assert "access-control-allow-origin" not in preflight.headers
        assert preflight.status_code == 400
