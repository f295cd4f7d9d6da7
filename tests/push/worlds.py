"""A business with cards on phones, the pushing process with its certificates, and APNs behind it."""
from datetime import timedelta
from types import SimpleNamespace

import pytest

from app.certificates.service import Identity
from app.clock import FixedClock, to_ms
from app.context import Context
from app.db import write_transaction
from app.demo.fakes.apns import FakeApns
from app.push import service
from app.push.apns import ApnsClient
from app.push.service import Pusher
from app.updates import service as updates
from tests.money import NOON, add_card, make_bed
from tests.push.conftest import OTHER_TOPIC, QUICK, TOPIC, chain_of, key_of, tls_of

MINUTE = timedelta(minutes=1)
# Where no statement is in question, one engine is enough.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class World:
    """A business with cards on phones, the pushing process, and APNs behind it."""

    def __init__(self, here, bed, fake, pass_type_id) -> None:
        self.here, self.bed, self.fake, self.pass_type_id = here, bed, fake, pass_type_id
        self.identities, self.files = [], {}

    async def hold(self, device: str, token: str, card_id: int | None = None, pass_type_id: int | None = None) -> int:
        """A device registers for a card's pass (the bed's card unless told); gives the pass's id."""
        card_id = card_id or self.bed.card_id
        values = {"business": self.bed.business_id, "card": card_id, "type": pass_type_id or self.pass_type_id,
                  "now": to_ms(self.here.clock.now())}
        pass_id = await self.here.db.fetch_val("SELECT id FROM passes WHERE card_id = :card", {"card": card_id})
        if pass_id is None:
            pass_id = await self.here.db.fetch_val(
                "INSERT INTO passes(business_id, card_id, pass_type_id, serial_number, authentication_token_sealed, created_at) "
                "VALUES (:business, :card, :type, :serial, :sealed, :now) RETURNING id",
                {**values, "serial": f"s{card_id}", "sealed": b"x"})
        await self.here.db.fetch_val(
            "INSERT INTO registrations(business_id, pass_id, pass_type_id, device_library_identifier, push_token, created_at, renewed_at) "
            "VALUES (:business, :pass, :type, :device, :token, :now, :now) RETURNING id",
            {"business": values["business"], "pass": pass_id, "type": values["type"], "device": device, "token": token,
             "now": values["now"]})
        return pass_id

    async def phone(self, card_id: int | None = None, pass_type_id: int | None = None) -> str:
        """A phone with the card, on line at APNs; gives its push token."""
        token = self.fake.issue_token()
        await self.hold(f"device-{token[:8]}", token, card_id, pass_type_id)
        return token

    async def second(self, files, ends=NOON + timedelta(days=300)) -> SimpleNamespace:
        """Another pass type with a certificate of its own, and a card for it."""
        pass_type_id = await add_pass_type(self.here.db, OTHER_TOPIC)
        _, card_id = await add_card(self.here.db, self.bed.business_id, self.bed.program_id)
        self.certify(files, 2, pass_type_id, OTHER_TOPIC, ends)
        return SimpleNamespace(pass_type_id=pass_type_id, card_id=card_id, files=files)


    async def change(self, card_id: int | None = None, registration_id: int | None = None) -> None:
        """A sale: the card changed, numbered as the engine does it."""
        await write_transaction(self.here.db, lambda tx: updates.append(
            tx, self.bed.business_id, card_id or self.bed.card_id, self.here.clock.now(), registration_id))
        await updates.number_pending(self.here.db)

    async def fetched(self, number: int) -> None:
        await self.here.db.execute("UPDATE registrations SET version_fetched = :number, repushes = 0", {"number": number})

    async def tokens(self) -> list[str]:
        return [row["push_token"] for row in await self.here.db.fetch_all("SELECT push_token FROM registrations ORDER BY id")]

    async def start(self) -> None:
        """A process begins with nothing but the rows, and the certificates there are (`self.identities`)."""
        await service.close(self.here)

        async def identities(here, now):
            return [one for one in self.identities if one.not_after > now]

        def client(identity):
            # The first set holds the root of the fake's own certificate.
            return ApnsClient(self.fake.address, tls_of(self.files[identity.certificate_id], self.files[1]), limits=QUICK,
                              jitter=lambda: 0.0)

        self.here.extras["push"] = Pusher(self.here, client, identities, jitter=lambda: 0.0)

    def certify(self, files, certificate_id: int, pass_type_id: int, topic: str = TOPIC, ends=NOON + timedelta(days=300)) -> Identity:
        """A certificate, newest first from now on."""
        self.files[certificate_id] = files
        self.identities.insert(0, Identity(certificate_id, pass_type_id, topic, chain_of(files), key_of(files), ends))
        return self.identities[0]

    def pushed(self) -> list[str]:
        """The tokens that were told since the last call."""
        told = [push.token for push in self.fake.pushes]
        self.fake.pushes.clear()
        return told


async def living(db, certificates, more_certificates, tmp_path):
    """The world of a test, from APNs' start to its end."""
    clock, roots = FixedClock(NOON), tmp_path / "roots.pem"
    roots.write_bytes(b"".join(each.root.read_bytes() for each in (certificates, *more_certificates.values())))
    fake = FakeApns(certificates.apns, certificates.apns_key, roots, clock=clock)
    await fake.start()
    here = Context(SimpleNamespace(), db, None, None, clock)
    made = World(here, await make_bed(db), fake, await add_pass_type(db, TOPIC))
    made.certify(certificates, 1, made.pass_type_id)
    await made.start()
    yield made
    await service.close(here)
    await fake.stop()


async def add_pass_type(db, topic: str) -> int:
    return await db.fetch_val("INSERT INTO pass_types(short_id, pass_type_identifier, team_identifier, created_at) "
                              "VALUES (:topic, :topic, 'TESSERA001', 0) RETURNING id", {"topic": topic})
