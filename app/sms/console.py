"""The gateway without a carrier: the log, and in a demo the simulated shopper's inbox."""
import logging

from app.clock import Clock, to_ms
from app.db import Database, Transaction, write_transaction
from app.sms import rules, store
from app.sms.gateways import Result

log = logging.getLogger("tessera.sms")


class Console:
    """Takes everything. shows_links: only in a demo; a real server's log must not hold a link that opens a card."""

    name = "console"

    def __init__(self, db: Database, clock: Clock, *, shows_links: bool) -> None:
        self._db, self._clock, self._shows_links = db, clock, shows_links

    async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> Result:
        log.info("to %s: %s", rules.for_log(to_e164), text if self._shows_links else "(the text is shown in a demo only)")
        if self._shows_links:
            async def act(tx: Transaction) -> None:
                await store.append_demo_message(tx, to_e164, text, None, to_ms(self._clock.now()))

            await write_transaction(self._db, act)
        return Result(rules.ACCEPTED, provider_id=client_ref, segments=rules.size_of(text).parts, cost_minor=0)
