"""What all cards of a programme show alike: read once, and again with its next change."""
from app.db import write_transaction
from app.passes import faces
from app.programs import service as programs
from app.updates import service as updates


async def reads(pocket, monkeypatch) -> list[int]:
    """Grows by one card with each reading."""
    found, real = [], faces.shared_of

    async def counted(reader, card):
        found.append(card.id)
        return await real(reader, card)

    monkeypatch.setattr(faces, "shared_of", counted)
    return found


async def touched(pocket) -> None:
    """The card itself changed, so that its pass is drawn anew."""
    await write_transaction(pocket.here.db, lambda tx: updates.append(tx, pocket.who.business_id, pocket.card.id, pocket.now))


async def test_what_cards_share_is_read_once_for_many_drawings(pocket, monkeypatch):
    await pocket.build()
    found = await reads(pocket, monkeypatch)
    for _ in range(3):
        await touched(pocket)
        await pocket.build()
    assert found == []
    pocket.here.clock.advance(minutes=2)
    await pocket.build()
    assert len(found) == 1


async def test_a_change_of_the_programme_is_read_with_the_next_drawing(pocket, monkeypatch):
    await pocket.build()
    found = await reads(pocket, monkeypatch)
    place = (await programs.list_locations(pocket.here.db, pocket.who.business_id))[0]
    pocket.here.clock.advance(seconds=5)
    await programs.change_location(
        pocket.here.db, pocket.who, place.id, name=place.name, texts={"ru": {"near": "Кофе за углом"}}, address="", time_zone=None,
        latitude=place.latitude, longitude=place.longitude, closed=False, now=pocket.now)
    contents = await pocket.contents()
    assert [contents.text(each["relevantText"], "ru") for each in contents.card["locations"]] == ["Кофе за углом"]
    assert found == [pocket.card.id]


async def test_a_database_that_was_put_back_is_read_again_within_a_minute(pocket, monkeypatch):
    await pocket.build()
    found = await reads(pocket, monkeypatch)
    # The restored numbers are lower, and may grow to what they were.
    pocket.here.clock.advance(minutes=-30)
    await touched(pocket)
    await pocket.build()
    assert found == [pocket.card.id]
