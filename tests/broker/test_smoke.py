import redis.asyncio


async def test_ping(client: redis.asyncio.Redis) -> None:
    assert await client.ping()
