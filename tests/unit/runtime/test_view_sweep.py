"""What a view holds is compared with what it believes to hold, again and again, and a wrong one is made anew."""

import asyncio

import pytest
from msgspec.structs import replace

from services.materializer.ship_snapshots import SnapshotLimits, SnapshotSweep
from stator.adapters.archive_memory import MemoryArchive
from stator.model.errors import DivergedError
from stator.ports.view import Change
from stator.runtime.view_sweep import ViewSweep
from tests.unit.runtime.test_self_checking import Watched
from tests.virtual_time import LoopClock, run


def sweep_of(watched: Watched) -> ViewSweep:
    return ViewSweep(lambda: [watched.replica], LoopClock(), every_s=60.0, look_s=5.0)


def lose_an_item(watched: Watched) -> None:
    key = next(key for key, _ in watched.view.scan(b"", None))
    watched.view.apply([Change(key, None)], watched.view.position)


def change_an_item(watched: Watched) -> None:
    key, item = next(iter(watched.view.scan(b"", None)))
    watched.view.apply([Change(key, item._replace(image=item.image + b" "))], watched.view.position)


def believe_in_more(watched: Watched) -> None:
    position = watched.view.position
    watched.view.apply([], replace(position, items=position.items + 1))


@pytest.mark.parametrize("spoil", [lose_an_item, change_an_item, believe_in_more])
def test_a_view_that_was_changed_behind_its_replica_is_found_and_made_anew(spoil: object) -> None:
    async def scenario() -> None:
        watched = Watched()
        with watched.following():
            await watched.caught_up()
            sweeping = asyncio.create_task(sweep_of(watched).run())
            await asyncio.sleep(7)
            assert watched.replica.rebuilds == 0
            spoil(watched)  # type: ignore[operator]
            assert not watched.is_fold() or spoil is believe_in_more
            await asyncio.sleep(60)
            assert (watched.replica.rebuilds, watched.replica.trusted) == (1, True)
            assert watched.is_fold()
            (error,) = watched.damage
            assert isinstance(error, DivergedError)
            sweeping.cancel()

    run(scenario())


def test_a_view_that_moves_on_while_it_is_added_up_is_compared_with_where_it_was() -> None:
    async def scenario() -> None:
        watched = Watched()
        await watched.replica.fold(watched.log.messages)
        under_way = asyncio.ensure_future(sweep_of(watched).sweep(watched.replica))
        await asyncio.sleep(0)
        at = watched.log.end
        watched.log.write()
        await watched.replica.fold(watched.log.messages[at:])
        await under_way
        assert watched.replica.trusted

    run(scenario())


def test_a_view_that_cannot_be_snapshotted_because_it_is_wrong_is_made_anew() -> None:
    async def scenario() -> None:
        watched, archive = Watched(), MemoryArchive()
        with watched.following():
            await watched.caught_up()
            lose_an_item(watched)
            limits = SnapshotLimits(records=1)
            sweep = SnapshotSweep(lambda: [watched.replica], archive, LoopClock(), limits, lambda _: True)
            sweeping = asyncio.create_task(sweep.run())
            await asyncio.sleep(1)
            assert watched.replica.rebuilds == 1
            assert watched.is_fold()
            assert not [name for name in archive.objects if name.endswith(".snap")]
            sweeping.cancel()

    run(scenario())


def test_a_view_made_anew_meanwhile_is_not_blamed_for_what_it_was() -> None:
    async def scenario() -> None:
        watched = Watched()
        with watched.following():
            await watched.caught_up()
            lose_an_item(watched)
            under_way = asyncio.ensure_future(sweep_of(watched).sweep(watched.replica))
            await asyncio.sleep(0)
            watched.replica.distrust(DivergedError("says somebody else"))
            await watched.caught_up()
            await under_way
            assert (watched.replica.rebuilds, watched.replica.trusted) == (1, True)

    run(scenario())
