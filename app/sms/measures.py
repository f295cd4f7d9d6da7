"""What /metrics says of messages and gateways."""
from datetime import timedelta

from app.clock import to_ms
from app.context import Context
from app.sms import balances, delivery_store, reports
from app.web.status import Gauge

OVER = timedelta(days=1)


async def gauges(here: Context) -> list[Gauge]:
    """States of a day's messages (a share of `unknown` that grows is a gateway in trouble), and each gateway's."""
    now = here.clock.now()
    counted = await delivery_store.counts_since(here.db, to_ms(now - OVER))
    states = await balances.state_of_gateways(here.db, now)
    return [
        Gauge("tessera_sms_messages_day", "Messages of the last 24 hours, by what became of them", "state", dict(counted)),
        Gauge("tessera_sms_gateway_resting", "1 where a gateway is not asked, for its credentials or its money", "gateway",
              {each.name: int(each.resting_until is not None) for each in states}),
        Gauge("tessera_sms_gateway_failures", "Tries since a gateway took one", "gateway", {each.name: each.failures for each in states}),
        Gauge("tessera_sms_gateway_balance_minor", "What a gateway's account has left, minor units of its currency", "gateway",
              {each.name: each.balance_minor for each in states if each.balance_minor is not None}),
        Gauge("tessera_sms_gateway_balance_low", "1 where that is less than was spent in three days", "gateway",
              {each.name: int(each.is_low) for each in states}),
        Gauge("tessera_sms_reports", "Reports of gateways that came to this process since its start, by what came of them", "outcome",
              {outcome: float(number) for outcome, number in sorted(reports.counts(here).items())})]
