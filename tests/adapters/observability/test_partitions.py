"""Partitions are made by whoever comes first, in whatever process."""

import asyncio

import psycopg

_MAKE = "SELECT make_partition('gpu_samples', '2031-01-01T00:00Z', '2031-01-01T06:00Z')"
_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


async def test_two_that_make_the_same_one_do_not_get_in_each_others_way(database_url: str) -> None:
    connect = psycopg.AsyncConnection.connect
    async with (
        await connect(database_url) as first,
        await connect(database_url, autocommit=True) as second,
        await connect(database_url, autocommit=True) as third,
    ):
        await first.execute(_MAKE)
        making = asyncio.create_task(second.execute(_MAKE))  # has looked for it, and waits
        async with asyncio.timeout(10):
            while not (await (await third.execute(_WAITING)).fetchall())[0][0]:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
            await first.commit()
            await making
