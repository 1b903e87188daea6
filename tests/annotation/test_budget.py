"""No push promises more than the budget leaves, however many push at once; every answer is paid once."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from annotation.asking.tasks import Task
from annotation.spending.budget import (
    Booked,
    book_responses,
    count_tasks,
    forecast,
    forecast_lines,
    limits,
    release_tasks,
    reserve_tasks,
    withdraw_tasks,
)
from annotation.spending.ledger import Sums, sums
from annotation.store.database import open_store, reading
from annotation.store.tables import ENTRIES, TASKS
from schemas.decision import TaskKind
from schemas.errors import BudgetError, SettingsError, StoreError
from schemas.settings import AnnotationSettings

ROOT = Path(__file__).resolve().parents[2]
JUNE = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)
JULY = datetime(2026, 7, 1, 0, 30, tzinfo=UTC)


class Answer(NamedTuple):
    response_id: str
    task_id: str
    annotator: str


def settings(**given: Any) -> AnnotationSettings:
    return AnnotationSettings.model_validate({"tiers": {"crowd": {"price": 2}, "expert": {"price": 50}}, **given})


def make_task(name: str, tier: str = "crowd", answers: int = 1, dataset: str = "assay-record") -> Task:
    return Task(
        task_id=name,
        kind=TaskKind.RECORD,
        subject=f"record-{name}",
        record_id=f"record-{name}",
        twin_id=None,
        tier=tier,
        dataset=dataset,
        min_submitted=answers,
        domain=None,
        reasons=("length.short",),
        gold=None,
        fields={},
        suggestions=(),
        metadata={},
        vector=None,
    )


def make_tasks(*names: str, **given: Any) -> list[Task]:
    return [make_task(name, **given) for name in names]


@pytest.fixture
def store(database: str) -> Iterator[Engine]:
    engine = open_store(database)
    yield engine
    engine.dispose()


def total(store: Engine) -> Sums:
    with reading(store) as connection:
        return sums(connection, "assay")


def states(store: Engine) -> dict[str, str]:
    with reading(store) as connection:
        return {row.task_id: row.state for row in connection.execute(sa.select(TASKS))}


def set_state(store: Engine, name: str, state: str) -> None:
    with store.begin() as connection:
        connection.execute(sa.update(TASKS).where(TASKS.c.task_id == name).values(state=state))


def test_a_price_that_the_currency_does_not_have_is_named() -> None:
    with pytest.raises(SettingsError, match=r"annotation\.tiers\.crowd\.price: 0\.5 JPY is finer than .* JPY, 1"):
        limits(settings(tiers={"crowd": {"price": "0.5"}}, currency="JPY"))
    assert limits(settings(tiers={"crowd": {"price": "0.125"}}, currency="KWD")).prices == {"crowd": 125}


def test_the_forecast_says_what_is_asked_of_whom_and_what_that_leaves(store: Engine) -> None:
    allowed = settings(budget={"total": 200}, tiers={"crowd": {"price": 2}, "expert": {"price": 50, "budget": 60}})
    reserve_tasks(store, make_tasks("t1", "t2"), allowed)
    told = forecast({("crowd", 1): 10, ("crowd", 3): 5, ("expert", 1): 2}, allowed, store, JULY)
    crowd, expert = told.tiers
    assert (crowd.tasks, crowd.responses, crowd.price, crowd.amount) == (15, 25, 200, 5000)
    assert (expert.tasks, expert.responses, expert.price, expert.amount) == (2, 2, 5000, 10_000)
    assert told.amount == 15_000
    assert {one.name: (one.limit, one.reserved, one.left, one.asked, one.fits) for one in told.standings} == {
        "project": (20_000, 400, 19_600, 15_000, True),
        "month 2026-07": (None, 400, None, 15_000, True),
        "tier crowd": (None, 400, None, 5000, True),
        "tier expert": (6000, 0, 6000, 10_000, False),
    }
    assert told.breaks is not None
    assert told.breaks.name == "tier expert"
    assert forecast_lines(told) == [
        "crowd       15 tasks, 25 answers at $2.00: $50.00",
        "expert      2 tasks, 2 answers at $50.00: $100.00",
        "asks for    $150.00",
        "limit       project: $200.00, $0.00 spent, $4.00 reserved, $196.00 left",
        "limit       tier expert: $60.00, $0.00 spent, $0.00 reserved, $60.00 left: NOT ENOUGH",
    ]


def test_a_forecast_needs_no_store() -> None:
    told = forecast(count_tasks(make_tasks("t1", "t2", answers=3)), settings(budget={"total": 12}), None)
    assert (told.amount, told.breaks) == (1200, None)


def test_tasks_are_reserved_and_noted_together(store: Engine) -> None:
    tasks = [make_task("t1", answers=3), make_task("t2", "expert", dataset="assay-record-adjudication")]
    made = reserve_tasks(store, tasks, settings(), run_id="run-1")
    assert made == (("t1", "t2"), {}, 5600)
    assert total(store) == Sums(reserved=5600, spent=0)
    with reading(store) as connection:
        rows = connection.execute(sa.select(TASKS).order_by(TASKS.c.task_id)).all()
        entries = connection.execute(sa.select(ENTRIES.c.key, ENTRIES.c.run_id).order_by(ENTRIES.c.key)).all()
    assert [(row.task_id, row.kind, row.state, row.adjudicates, row.run_id) for row in rows] == [
        ("t1", "record", "reserved", False, "run-1"),
        ("t2", "record", "reserved", True, "run-1"),
    ]
    assert rows[0].reasons == ["length.short"]
    assert entries == [("reserve:t1", "run-1"), ("reserve:t2", "run-1")]


def test_two_pushes_that_overlap_reserve_each_task_once(store: Engine) -> None:
    reserve_tasks(store, make_tasks("t1", "t2"), settings())
    set_state(store, "t1", "pushed")
    again = reserve_tasks(store, make_tasks("t1", "t2", "t3", "t3"), settings())
    assert again == (("t3",), {"t1": "pushed", "t2": "reserved"}, 200)
    assert total(store) == Sums(reserved=600, spent=0)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"budget": {"total": 5}}, "the limit of project is $5.00: $0.00 is spent and $4.00 reserved, $1.00 is left"),
        ({"budget": {"month": 5}}, "the limit of month 2026-06 is $5.00: "),
        ({"tiers": {"crowd": {"price": 2, "budget": 5}}}, "the limit of tier crowd is $5.00: "),
    ],
)
def test_what_breaks_a_limit_is_refused_whole(store: Engine, limit: dict[str, Any], said: str) -> None:
    reserve_tasks(store, make_tasks("t1", "t2"), settings(**limit), at=JUNE)
    with pytest.raises(BudgetError) as refused:
        reserve_tasks(store, make_tasks("t3", "t4"), settings(**limit), at=JUNE)
    assert str(refused.value).startswith(said)
    assert "the tasks ask for $4.00; nothing was given out: raise annotation." in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 1
    assert states(store) == {"t1": "reserved", "t2": "reserved"}
    assert total(store) == Sums(reserved=400, spent=0)


def test_the_last_cent_may_be_used_and_not_one_more(store: Engine) -> None:
    reserve_tasks(store, make_tasks("t1", "t2"), settings(budget={"total": 4}))
    assert reserve_tasks(store, make_tasks("t1", "t2"), settings(budget={"total": 4})).amount == 0
    with pytest.raises(BudgetError, match=r"\$0\.00 is left"):
        reserve_tasks(store, make_tasks("t3"), settings(budget={"total": 4}))
    with pytest.raises(BudgetError, match=r"-\$1\.00 is left"):
        reserve_tasks(store, make_tasks("t3"), settings(budget={"total": 3}))


def test_work_that_costs_nothing_needs_no_budget(store: Engine) -> None:
    free = settings(tiers={"friends": {"price": 0}}, budget={"total": 0})
    reserve_tasks(store, make_tasks("t1", tier="friends"), free)
    booked = book_responses(store, [Answer("a1", "t1", "ana")], free)
    assert (booked.new, booked.amount, booked.overdrawn) == (("a1",), 0, 0)
    assert book_responses(store, [Answer("a1", "t1", "ana")], free).known == ("a1",)


def test_a_task_for_nobody_is_refused(store: Engine) -> None:
    with pytest.raises(SettingsError, match=r"no tier is called 'nurses'; annotation.tiers are crowd, expert"):
        reserve_tasks(store, make_tasks("t1", tier="nurses"), settings())


def test_a_task_belongs_to_one_project(store: Engine) -> None:
    reserve_tasks(store, make_tasks("t1"), settings())
    with pytest.raises(StoreError, match="task t1 belongs to project 'assay' in this database, not to 'other'"):
        reserve_tasks(store, make_tasks("t1"), settings(project="other"))


def test_an_answer_is_booked_once_however_often_it_is_pulled(store: Engine) -> None:
    reserve_tasks(store, make_tasks("t1", answers=3), settings())
    answers = [Answer("a1", "t1", "ana"), Answer("a2", "t1", "ben")]
    assert book_responses(store, answers, settings()) == Booked(("a1", "a2"), (), (), (), 400, 0)
    again = book_responses(store, [*answers, Answer("a3", "t1", "eva")], settings())
    assert again == Booked(("a3",), ("a1", "a2"), (), (), 200, 0)
    assert total(store) == Sums(reserved=0, spent=600)


def test_who_answers_again_is_paid_once(store: Engine) -> None:
    reserve_tasks(store, make_tasks("t1"), settings())
    book_responses(store, [Answer("a1", "t1", "ana")], settings())
    again = book_responses(store, [Answer("a2", "t1", "ana"), Answer("a3", "t1", "ana")], settings())
    assert again == Booked((), (), ("a2", "a3"), (), 0, 0)
    assert total(store) == Sums(reserved=0, spent=200)


def test_money_earned_beyond_the_promise_is_owed(store: Engine) -> None:
    tight = settings(budget={"total": 4})
    reserve_tasks(store, make_tasks("t1", "t2"), tight)
    answers = [Answer(f"a{person}", "t1", person) for person in ("ana", "ben", "eva")]
    booked = book_responses(store, answers, tight)
    assert (booked.amount, booked.overdrawn) == (600, 400)
    assert total(store) == Sums(reserved=200, spent=600)
    with pytest.raises(BudgetError, match=r"-\$4\.00 is left"):
        reserve_tasks(store, make_tasks("t3"), tight)


def test_an_answer_to_nothing_is_named(store: Engine) -> None:
    booked = book_responses(store, [Answer("a1", "who-knows", "ana")], settings())
    assert booked == Booked((), (), (), ("a1",), 0, 0)
    assert total(store) == Sums(0, 0)


def test_people_are_paid_what_they_were_promised(store: Engine) -> None:
    reserve_tasks(store, make_tasks("t1", answers=2), settings())
    dearer = settings(tiers={"crowd": {"price": 3}})
    booked = book_responses(store, [Answer("a1", "t1", "ana")], dearer)
    assert booked.amount == 200
    gone = settings(tiers={"others": {"price": 9}})
    assert book_responses(store, [Answer("a2", "t1", "ben")], gone).amount == 200
    assert total(store) == Sums(reserved=0, spent=400)


def test_what_a_task_did_not_need_comes_back_once(store: Engine) -> None:
    reserve_tasks(store, make_tasks("t1", "t2", answers=3), settings())
    book_responses(store, [Answer("a1", "t1", "ana")], settings())
    assert release_tasks(store, ["t1"], settings(), "two more were not needed") == 400
    assert release_tasks(store, ["t1"], settings(), "two more were not needed") == 0
    assert release_tasks(store, ["t1", "t2", "who-knows"], settings(), "withdrawn") == 600
    assert total(store) == Sums(reserved=0, spent=200)


def test_a_withdrawn_task_may_be_asked_again(store: Engine) -> None:
    for times in range(1, 4):
        made = reserve_tasks(store, make_tasks("t1", answers=times), settings())
        assert made == (("t1",), {}, 200 * times) if times == 1 else made.new == ("t1",)
        assert total(store) == Sums(reserved=200 * times, spent=0)
        assert states(store) == {"t1": "reserved"}
        assert withdraw_tasks(store, {"t1": "not needed", "who-knows": "?"}, settings()) == 200 * times
        assert withdraw_tasks(store, {"t1": "not needed"}, settings()) == 0
        assert states(store) == {"t1": "withdrawn"}
    assert total(store) == Sums(0, 0)


def test_what_is_settled_is_not_withdrawn(store: Engine) -> None:
    reserve_tasks(store, make_tasks("decided", "escalated", "open"), settings())
    for name in ("decided", "escalated"):
        set_state(store, name, name)
    assert withdraw_tasks(store, dict.fromkeys(("decided", "escalated", "open"), "by hand"), settings()) == 200
    assert states(store) == {"decided": "decided", "escalated": "escalated", "open": "withdrawn"}


def test_a_task_whose_money_went_back_is_reserved_anew_before_it_is_sent(store: Engine) -> None:
    """Its money was given back, and then nobody lived to say that it is withdrawn."""
    tight = settings(budget={"total": 2})
    reserve_tasks(store, make_tasks("t1"), tight)
    release_tasks(store, ["t1"], tight, "refused by the server")
    assert states(store) == {"t1": "reserved"}
    reserve_tasks(store, make_tasks("t2"), tight)
    with pytest.raises(BudgetError, match=r"\$0\.00 is left, and the tasks ask for \$2\.00"):
        reserve_tasks(store, make_tasks("t1"), tight)
    assert reserve_tasks(store, make_tasks("t1"), settings(budget={"total": 4})) == (("t1",), {}, 200)
    assert total(store) == Sums(reserved=400, spent=0)


def test_a_task_that_was_paid_or_costs_nothing_is_not_reserved_anew(store: Engine) -> None:
    free = settings(tiers={"crowd": {"price": 2}, "friends": {"price": 0}})
    tasks = [make_task("paid"), make_task("gift", "friends")]
    reserve_tasks(store, tasks, free)
    book_responses(store, [Answer("a1", "paid", "ana")], free)
    assert reserve_tasks(store, tasks, free) == ((), {"paid": "reserved", "gift": "reserved"}, 0)


KILLED_WHILE_IT_WITHDRAWS = """
import os, signal
import annotation.spending.budget as budget

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(budget, work[0], killed)
budget.withdraw_tasks(open_store(), {"t1": "refused by the server"}, settings())
"""


@pytest.mark.parametrize("moment", ["set_state", "_give_back", "append"])
def test_a_withdrawal_that_is_killed_has_not_happened(store: Engine, moment: str) -> None:
    """Whatever it dies at, a task that is not withdrawn has its money."""
    reserve_tasks(store, make_tasks("t1"), settings())
    process = child(KILLED_WHILE_IT_WITHDRAWS, [moment])
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert (states(store), total(store)) == ({"t1": "reserved"}, Sums(reserved=200, spent=0))
    assert withdraw_tasks(store, {"t1": "refused by the server"}, settings()) == 200
    assert (states(store), total(store)) == ({"t1": "withdrawn"}, Sums(0, 0))


def test_a_new_month_has_its_own_limit_but_for_what_is_still_open(store: Engine) -> None:
    monthly = settings(budget={"month": 10})
    reserve_tasks(store, make_tasks("t1", "t2", "t3", "t4", "t5"), monthly, at=JUNE)
    book_responses(store, [Answer(f"a{n}", f"t{n}", "ana") for n in (1, 2, 3)], monthly, at=JUNE)
    # June paid $6. The $4 that are open will be paid in July, which leaves $6 of July's $10.
    with pytest.raises(BudgetError, match=r"month 2026-07 is \$10\.00: \$0\.00 is spent and \$4\.00 reserved, \$6\.00"):
        reserve_tasks(store, make_tasks(*"6789"), monthly, at=JULY)
    reserve_tasks(store, make_tasks(*"678"), monthly, at=JULY)
    book_responses(store, [Answer(f"a{n}", f"t{n}", "ana") for n in (4, 5)], monthly, at=JULY)
    book_responses(store, [Answer(f"a{n}", n, "ana") for n in "678"], monthly, at=JULY)
    with reading(store) as connection:
        assert sums(connection, "assay", month="2026-06") == Sums(reserved=0, spent=600)
        assert sums(connection, "assay", month="2026-07") == Sums(reserved=0, spent=1000)


CHILD = """
import json, multiprocessing, sys
from annotation.spending.budget import book_responses, reserve_tasks
from annotation.store.database import open_store
from annotation.spending.ledger import append, locked, reserve, About
from schemas.errors import BudgetError
sys.path.insert(0, sys.argv[1])
from test_budget import Answer, make_tasks, settings
work = json.loads(sys.argv[2])
"""

# Forked, so that sixteen processes need not read the same libraries sixteen times. None has a database yet.
TOGETHER = """
fork = multiprocessing.get_context("fork")
together, said = fork.Barrier(len(work["shares"])), fork.SimpleQueue()

def push(names):
    together.wait()
    store, given, refused = open_store(), 0, 0
    for name in names:
        try:
            given += len(reserve_tasks(store, make_tasks(name), settings(**work["limits"])).new)
        except BudgetError:
            refused += 1
    said.put((given, refused))

def pull(pages):
    together.wait()
    store, new, amount = open_store(), 0, 0
    for page in pages:
        booked = book_responses(store, [Answer(*answer) for answer in page], settings())
        new, amount = new + len(booked.new), amount + booked.amount
    said.put((new, amount))

does = {"push": push, "pull": pull}[work["does"]]
processes = [fork.Process(target=does, args=(share,)) for share in work["shares"]]
for process in processes:
    process.start()
told = [said.get() for _ in processes]
for process in processes:
    process.join()
print(json.dumps([told, [process.exitcode for process in processes]]))
"""


def child(script: str, work: object) -> subprocess.Popen[str]:
    """A process of its own that runs `script` on the same database."""
    command = [sys.executable, "-W", "ignore", "-c", CHILD + script, str(Path(__file__).parent), json.dumps(work)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def together(does: str, shares: Sequence[Sequence[Any]], **limits: Any) -> list[list[int]]:
    """What each of the processes says, which begin at the same moment.

    "push": how many of its tasks it was given and refused; "pull": how many of the answers on its pages it booked,
    and for how much.
    """
    said, _ = child(TOGETHER, {"does": does, "shares": shares, "limits": limits}).communicate(timeout=120)
    told, codes = json.loads(said)
    assert codes == [0] * len(shares)
    return list(told)


@pytest.mark.slow
@pytest.mark.parametrize(
    "limits",
    [
        pytest.param({"budget": {"total": 101}}, id="project", marks=pytest.mark.long),
        pytest.param({"budget": {"month": 101}}, id="month", marks=pytest.mark.long),
        pytest.param({"tiers": {"crowd": {"price": 2, "budget": 101}, "expert": {"price": 50}}}, id="tier"),
    ],
)
def test_sixteen_pushes_at_once_cannot_overspend(database: str, limits: dict[str, Any]) -> None:
    """Each wants 6 tasks of its own at $2, all at once and on a store that none has made yet; $101 buy 50."""
    told = together("push", [[f"{number}-{task}" for task in range(6)] for number in range(16)], **limits)
    assert sum(given for given, _ in told) == 50
    assert sum(refused for _, refused in told) == 46
    store = open_store()
    assert total(store) == Sums(reserved=10_000, spent=0)
    assert len(states(store)) == 50
    store.dispose()


@pytest.mark.slow
def test_sixteen_pushes_of_the_same_tasks_reserve_each_once(database: str) -> None:
    told = together("push", [[f"t{task}" for task in range(20)]] * 16)
    assert sum(given for given, _ in told) == 20
    store = open_store()
    assert total(store) == Sums(reserved=4000, spent=0)
    store.dispose()


@pytest.mark.slow
def test_sixteen_pulls_at_once_book_each_answer_once(store: Engine) -> None:
    """Ten people answer 20 tasks of ten answers each; every answer is found by four pulls, and some by all."""
    names, people = [f"t{number}" for number in range(20)], [f"p{number}" for number in range(10)]
    reserve_tasks(store, make_tasks(*names, answers=10), settings())
    answers = [(name + who, name, who) for name in names for who in people]
    pages = [answers[start : start + 10] for start in range(0, 200, 10)]
    told = together("pull", [[pages[0], *pages[number % 4 :: 4]] for number in range(16)])
    assert sum(new for new, _ in told) == 200
    assert sum(amount for _, amount in told) == 200 * 200
    assert total(store) == Sums(reserved=0, spent=200 * 200)
    with reading(store) as connection:
        booked = connection.execute(sa.select(ENTRIES.c.response_id).where(ENTRIES.c.kind == "book")).scalars().all()
    assert sorted(booked) == sorted(answer[0] for answer in answers)


IN_THE_MIDDLE = """
with locked(open_store(), "assay", "USD") as lock:
    append(lock, [reserve(9_999, About("crowd", task_id=name)) for name in work])
    print("ready", flush=True)
    sys.stdin.readline()
"""


def test_a_process_killed_inside_a_transaction_leaves_nothing_of_it(store: Engine) -> None:
    reserve_tasks(store, make_tasks("t1"), settings())
    process = child(IN_THE_MIDDLE, ["t2", "t3"])
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert total(store) == Sums(reserved=200, spent=0)
    assert reserve_tasks(store, make_tasks("t2"), settings()).new == ("t2",)
    assert total(store) == Sums(reserved=400, spent=0)


PUSH_AND_PULL = """
print("ready", flush=True)
store = open_store()
for name in work:
    reserve_tasks(store, make_tasks(name, answers=2), settings())
    book_responses(store, [Answer(name + who, name, who) for who in ("ana", "ben")], settings())
    print(name, flush=True)
"""


@pytest.mark.parametrize("done", [1, 30])
def test_what_was_killed_is_finished_by_doing_it_again(database: str, done: int) -> None:
    names = [f"t{number}" for number in range(200)]
    process = child(PUSH_AND_PULL, names)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert [process.stdout.readline().strip() for _ in range(done)] == names[:done]
    process.kill()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    store = open_store()
    assert done <= len(states(store)) < 200, "it was not killed in the middle"
    reserve_tasks(store, make_tasks(*names, answers=2), settings())
    book_responses(store, [Answer(name + who, name, who) for name in names for who in ("ana", "ben")], settings())
    assert total(store) == Sums(reserved=0, spent=200 * 2 * 200)
    assert len(states(store)) == 200
    store.dispose()
