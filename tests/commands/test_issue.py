"""`issue` writes the pass of an active card, and makes the card where the phone has none."""
import pytest

from app.cards import service as cards
from app.commands import issue, shared
from app.context import Context
from app.demo.certificates import make_demo_certificates
from app.errors import NotFound, Refused
from app.passes.check import check_pkpass
from tests.shops import make_card

TYPE, TEAM = "pass.example.tessera.test", "TESSERATST"


@pytest.fixture
def signing(here: Context, tmp_path) -> bytes:
    """Gives the server a pass certificate; returns the root that it hangs on."""
    made = make_demo_certificates(tmp_path / "certificates", pass_type_identifier=TYPE, team_identifier=TEAM, now=here.clock.now())
    for name, path in (("apple_certificate", made.certificate), ("apple_key", made.key), ("apple_wwdr", made.wwdr)):
        object.__setattr__(here.settings, name, path.read_bytes())
    return made.root.read_bytes()


async def test_the_pass_of_a_card_that_the_phone_has_is_written(here, shop, signing) -> None:
    card = await make_card(here, shop, points=70)
    answer = await issue.act(here, here.ids.encode("program", shop.program_id), "8 916 123-12-34")
    held = check_pkpass(shared.unpacked(answer["data"]), root_pem=signing, now=here.clock.now())
    assert held.card["barcodes"][0]["message"] == card.code
    assert await here.db.fetch_val("SELECT COUNT(*) FROM cards") == 1


async def test_a_phone_without_a_card_gets_one_that_is_active_at_once(here, shop, signing) -> None:
    program = here.ids.encode("program", shop.program_id)
    answer = await issue.act(here, program, "+7 916 000-00-01")
    again = await issue.act(here, program, "+7 916 000-00-01")
    one, other = (check_pkpass(shared.unpacked(each["data"]), root_pem=signing, now=here.clock.now()) for each in (answer, again))
    assert one.card["serialNumber"] == other.card["serialNumber"]
    [row] = await here.db.fetch_all("SELECT status, source FROM cards")
    assert (row["status"], row["source"]) == ("active", "command")


async def test_a_blocked_card_and_an_unknown_programme_are_refused_and_nothing_is_made(here, shop, signing) -> None:
    card = await make_card(here, shop)
    await cards.block(here.db, shop.who, card.id, None, here.clock.now())
    with pytest.raises(Refused):
        await issue.act(here, here.ids.encode("program", shop.program_id), "+79161231234")
    for unknown in ("prg_0000000000000", "nonsense"):
        with pytest.raises(NotFound):
            await issue.act(here, unknown, "+79161231234")
    assert await here.db.fetch_val("SELECT COUNT(*) FROM cards") == 1
