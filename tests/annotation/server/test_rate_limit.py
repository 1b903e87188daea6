"""The login limit by itself: what counts, what is forgiven, what is remembered. (test_serve.py tries a real login.)"""

import asyncio
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from annotation.server.embedded.rate_limit import Limiter, guarded, with_address


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def authenticate(_: Any, username: str, password: str) -> str | None:
    """Lets in who says "right", after a while."""
    await asyncio.sleep(0)
    return username if password == "right" else None


class Door:
    def __init__(self) -> None:
        self.clock = Clock()
        self._check = guarded(authenticate, Limiter(failures=3, window=60, clock=self.clock))

    def knock(self, name: str, password: str, address: str = "10.0.0.1") -> int:
        return asyncio.run(self.aknock(name, password, address))

    async def aknock(self, name: str, password: str, address: str = "10.0.0.1") -> int:
        said: list[int] = []

        async def application(scope: Any, receive: Any, send: Any) -> None:
            said.append(201 if await self._check(None, name, password) else 401)

        try:
            await with_address(application)({"type": "http", "client": (address, 1)}, None, None)  # type: ignore[arg-type]
        except HTTPException as refused:
            return refused.status_code
        return said[0]


def test_a_name_is_shut_for_every_address_and_opens_again() -> None:
    door = Door()
    assert [door.knock("ana", "wrong", f"10.0.0.{n}") for n in range(3)] == [401, 401, 401]
    door.clock.now += 20
    assert door.knock("ana", "right", "10.0.9.9") == 429
    assert door.knock("ben", "right", "10.0.9.9") == 201
    door.clock.now += 41
    assert door.knock("ana", "right", "10.0.9.9") == 201


def test_an_address_is_shut_for_every_name() -> None:
    door = Door()
    assert [door.knock(f"name {n}", "wrong") for n in range(4)] == [401, 401, 401, 429]
    assert door.knock("ana", "right") == 429
    assert door.knock("ana", "right", "10.0.9.9") == 201


def test_it_says_when_to_come_back() -> None:
    clock = Clock()
    limiter = Limiter(failures=1, window=60, clock=clock)
    check = guarded(authenticate, limiter)
    assert asyncio.run(check(None, "ana", "wrong")) is None
    clock.now += 19.5
    with pytest.raises(HTTPException, match="try again in 41 seconds") as refused:
        asyncio.run(check(None, "ana", "right"))
    assert refused.value.headers == {"Retry-After": "41"}


def test_success_is_never_counted_and_never_wipes_out_failures() -> None:
    door = Door()
    assert {door.knock("ana", "right") for _ in range(20)} == {201}
    assert [door.knock("ana", "wrong") for _ in range(2)] == [401, 401]
    assert door.knock("ana", "right") == 201
    assert [door.knock("ana", "wrong") for _ in range(2)] == [401, 429]


def test_many_at_once_are_no_more_than_few() -> None:
    door = Door()

    async def storm() -> list[int]:
        return list(await asyncio.gather(*(door.aknock("ana", f"wrong{n}") for n in range(50))))

    assert sorted(asyncio.run(storm())) == [401] * 3 + [429] * 47


def test_any_name_can_be_counted() -> None:
    door = Door()
    assert [door.knock("\ud800" * 10**6, "wrong") for _ in range(4)] == [401, 401, 401, 429]


def test_its_memory_is_bounded() -> None:
    limiter = Limiter(failures=3, window=60, keys=100, clock=Clock())
    for n in range(1000):
        limiter.count(f"name {n}")
    for _ in range(1000):
        limiter.count("name 999")
    assert len(limiter._seen) == 100
    assert len(limiter._seen["name 999"]) == 3
    assert limiter.wait("name 999") == 60
    assert limiter.wait("name 0") == 0
