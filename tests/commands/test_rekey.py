"""Changing the key ring: nothing that was sealed may be forgotten, whoever adds a column."""
from dataclasses import replace
from pathlib import Path

import pytest

from app import secrets
from app.certificates import bringing
from app.certificates import service as certificates
from app.certificates.uploads import Upload
from app.commands import rekey
from app.commands.store import SEALED
from app.console import founding
from app.context import Context
from app.customers import service as customers
from app.db import Transaction, write_transaction
from app.installation import service as installation
from app.installation import store as installation_store
from app.mail import service as mail
from app.passes import keeping
from app.passes import service as passes
from app.secrets import CannotOpen, KeyRing
from tests.certificates.authority import Authority, key, key_pem, pem
from tests.commands.conftest import Run
from tests.shops import make_card, make_shop

SQLITE_COLUMNS = ("SELECT held.name AS owner, columns.name AS name FROM sqlite_master AS held, pragma_table_info(held.name) AS columns "
                  "WHERE held.type = 'table'")
POSTGRESQL_COLUMNS = ("SELECT table_name AS owner, column_name AS name FROM information_schema.columns "
                      "WHERE table_schema = current_schema()")


async def test_every_sealed_column_of_the_schema_is_in_the_list(here: Context) -> None:
    rows = await here.db.fetch_all(SQLITE_COLUMNS if here.db.engine == "sqlite" else POSTGRESQL_COLUMNS)
    found = {(row["owner"], row["name"]) for row in rows if row["name"].endswith("_sealed")}
    assert found == {(column.table, column.column) for column in SEALED}


def test_every_purpose_in_the_list_is_one_that_a_room_seals_with() -> None:
    source = "".join(path.read_text("utf-8") for path in (Path(__file__).parents[2] / "app").rglob("*.py") if "commands" not in path.parts)
    assert [column.purpose for column in SEALED if f'"{column.purpose}"' not in source] == []


async def test_after_rekey_the_new_key_alone_opens_everything(here: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rekey, "CHUNK", 2)
    old, new = secrets.new_key(), secrets.new_key()
    here.ring = KeyRing([old])
    await write_transaction(here.db, lambda tx: installation._mark(tx, here.ring, False))
    here.ring.use_lookup_key(b"l" * 32)
    now = here.clock.now()

    async def people(tx: Transaction) -> tuple[int, list[int]]:
        shop = await founding.found(tx, founding.Wish("tea", "Tea", "RU", "RUB", "Europe/Moscow", "ru"), now)
        return shop.business_id, [
            await customers.create(tx, here.ring, shop.business_id, e164=f"+7900000000{at}", name=f"Анна {at}", language="ru", now=now)
            for at in range(5)]

    business_id, made = await write_transaction(here.db, people)
    both = KeyRing([new, old])
    both.use_lookup_key(b"l" * 32)
    here.ring = both
    answer = await rekey.act(here, both.check_value)
    assert "customers.phone_sealed: 5 values" in answer["lines"]
    alone = KeyRing([new])
    alone.use_lookup_key(b"l" * 32)
    opened = [await customers.get(here.db, alone, business_id, customer_id) for customer_id in made]
    assert [customer.name for customer in opened] == [f"Анна {at}" for at in range(5)]
    installation.check(await installation_store.all_meta(here.db), alone, demo=False)
    with pytest.raises(CannotOpen):
        await customers.get(here.db, _with_lookup(KeyRing([old])), business_id, made[0])
    again = await rekey.act(here, both.check_value)
    assert len(again["lines"]) == 1


async def test_a_server_that_was_started_with_another_ring_reseals_nothing(here: Context) -> None:
    answer = await rekey.act(here, KeyRing([secrets.new_key()]).check_value)
    assert "another key ring" in answer["error"]


def test_rekey_by_itself_where_no_server_runs(run: Run, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    file = data / "secret.key"
    old = file.read_text()
    file.write_text(secrets.new_key() + "\n" + old)
    assert run("rekey") == 0
    assert "Everything is sealed with the first key" in capsys.readouterr().out
    file.write_text(file.read_text().splitlines()[0] + "\n")
    assert run("verify") == 0
    file.write_text(old)
    assert run("verify") == 2


def _with_lookup(ring: KeyRing) -> KeyRing:
    ring.use_lookup_key(b"l" * 32)
    return ring


async def test_certificates_kept_passes_and_mail_open_with_the_new_key_alone(here: Context) -> None:
    old, new = secrets.new_key(), secrets.new_key()
    here.ring = _with_lookup(KeyRing([old]))
    await write_transaction(here.db, lambda tx: installation._mark(tx, here.ring, False))
    here.ring.use_lookup_key(b"l" * 32)
    shop, now = await make_shop(here), here.clock.now()
    apple = Authority(now)
    await bringing.bring(here, shop.who, Upload(pem(apple.issue(key(1).public_key())), key_pem(1), pem(apple.certificate)), now)
    card = await make_card(here, shop)
    built = await passes.hand_out(here, card, now)
    assert built.kept is not None
    await passes.keep(here, [built.kept])
    await write_transaction(here.db, lambda tx: mail.queue(
        tx, here.ring, mail.Mail("anna@example.com", "Hello", "Hello."), kind="test", business_id=None, now=now))
    here.ring = _with_lookup(KeyRing([new, old]))
    lines = (await rekey.act(here, here.ring.check_value))["lines"]
    assert {"certificates.key_sealed: 1 values", "signed_passes.pass_json_sealed: 1 values", "mails.text_sealed: 1 values"} <= set(lines)
    here.ring = _with_lookup(KeyRing([new]))
    here.extras.clear()
    served = await keeping.find(here, built.kept.pass_id, card.id)
    assert served is not None and served.data == built.data
    assert (await certificates.signer_of(here, 1, now)).key.private_numbers() == key(1).private_numbers()
    here.settings = replace(here.settings, demo=True)
    assert await mail.deliver_due(here) == 1
