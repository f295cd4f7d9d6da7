"""Whom to ask, on the card's page: what the business set for the back of its passes, as links."""
from msgspec.structs import replace

from app.db import write_transaction
from app.designs import service as designs
from app.designs.rules import STOP, WalletExtras
from app.programs import service as programs
from app.web.principal import Principal
from app.web.templating import TEMPLATES


async def publish(here, shop, extras):
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    content = replace(await designs.content_of(here.db, program), wallet=extras)
    who = Principal(shop.business_id, shop.business_id, "staff", 1, "Olga", role="manager")
    await write_transaction(here.db, lambda tx: designs.publish(tx, who, shop.program_id, content, here.clock.now()))


async def test_the_page_says_whom_to_ask_and_draws_the_chosen_code(here, client, shop, links):
    assert 'id="contacts"' not in (await client.get(links["pass"])).text
    await publish(here, shop, WalletExtras(barcode="pdf417", phone="+7 (495) 123-45-67", mail="a@example.com", site="https://example.com"))
    page = (await client.get(links["pass"])).text
    assert 'aria-label="PDF417"' in page
    for link in ('href="tel:+7495123-45-67"', 'href="mailto:a@example.com"', 'href="https://example.com"'):
        assert link in page.split('id="contacts"')[1]


def test_a_pass_s_link_to_stop_messages_leads_to_a_place_on_the_page():
    assert f'id="{STOP.removeprefix("#")}"' in (TEMPLATES / "cards/card.html").read_text("utf-8")
