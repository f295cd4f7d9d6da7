"""Text messages: whether each gateway knows us and has money, what failed last, and whether its reports can be believed and can arrive."""
from collections.abc import AsyncIterator, Iterator

from app.commands import store
from app.commands.examining.line import Line
from app.context import Context
from app.settings import Settings
from app.sms import balances, callbacks
from app.sms.balances import GatewayState
from app.sms.gateways import Followed, Gateway, gateways_of
from app.sms.twilio import Twilio
from app.sms.vonage import LONGEST_CALLBACK, Vonage

# Of these the address of reports is typed into their cabinet; the others are told it with each message.
IN_CABINET = ("smsc", "smsru")
LISTENING = ("twilio", "vonage")


async def sms(context: Context) -> AsyncIterator[Line]:
    """Nothing is sent: a gateway is asked for its balance, which takes the same credentials."""
    for line in _named(context.settings):
        yield line
    states = {state.name: state for state in await balances.state_of_gateways(context.db, context.clock.now())}
    gateways = gateways_of(context)
    for name in gateways.names:
        gateway = gateways.by_name(name)
        if gateway is None or name == "console":
            continue
        for line in _past(name, states.get(name)):
            yield line
        if isinstance(gateway, Followed):
            yield await _asked(gateway)
        for line in _reports(context.settings, gateway):
            yield line


def _named(here: Settings) -> Iterator[Line]:
    carriers = [gateway.partition(":")[0] for gateway in here.sms if gateway != "console:"]
    if carriers:
        yield Line("ok", f"SMS go out through {', then '.join(carriers)}.")
        if not here.sms_price_minor:
            yield Line("warn", "An SMS costs nothing, says TESSERA_SMS_PRICE, so no cap on spending can hold.",
                       "Set what one part costs, in minor units.")
    elif not here.demo:
        yield Line("warn", "No SMS leaves this server: TESSERA_SMS is console:.",
                   "Name a gateway, or nobody can activate a card by phone.")
    else:
        yield Line("ok", "SMS land in the demo's inbox.")


def _past(name: str, state: GatewayState | None) -> Iterator[Line]:
    if state is None:
        return
    if state.resting_until is not None:
        yield Line("fail", f"SMS gateway {name} is not asked before {state.resting_until:%H:%M} UTC: {state.why}.",
                   "Its credentials, its sender or its balance is wrong; its own cabinet says more. Messages are kept for a day.")
    elif state.failures:
        yield Line("warn", f"SMS gateway {name} took none of the last {state.failures} messages: {state.why}.",
                   "They are tried again by themselves.")
    if state.is_low:
        yield Line("warn", f"SMS gateway {name} has less money left than three days cost.", "Top it up.")


async def _asked(gateway: Followed) -> Line:
    balance = await gateway.balance()
    if balance is None:
        return Line("fail", f"SMS gateway {gateway.name} does not tell its balance.",
                    "Are its user and password in TESSERA_SMS right, does it let this machine's address in, and can this machine reach it?")
    if balance.amount_minor <= 0:
        return Line("fail", f"SMS gateway {gateway.name} has no money left.", "Top it up; messages wait for a day.")
    return Line("ok", f"SMS gateway {gateway.name} knows us.")


def _reports(here: Settings, gateway: Gateway) -> Iterator[Line]:
    if isinstance(gateway, Twilio):
        if gateway.auth[0].startswith("SK") and gateway.token == gateway.auth[1]:
            yield Line("warn", f"SMS gateway {gateway.name} has an API key and no auth token: its reports are refused, being unchecked.",
                       "Add &token=<the account's auth token> to its address; until then messages are asked after.")
        if "_" in here.url.partition("//")[2].partition("/")[0]:
            yield Line("warn", "Twilio reports to no host with _ in its name, as in TESSERA_URL.", "Messages are asked after instead.")
    if isinstance(gateway, Vonage):
        if not gateway.signing:
            yield Line("warn", f"Reports of SMS gateway {gateway.name} are not signed: whoever learns their address can make one up.",
                       "Switch signatures on in its dashboard, and add &signature=<the signature secret>&method=sha256.")
        path = callbacks.path_of(gateway.name, "0" * callbacks.SECRET_LENGTH)
        if len(here.address(path)) > LONGEST_CALLBACK:
            yield Line("warn", f"TESSERA_URL is too long for reports of {gateway.name} (100 characters for the whole address).",
                       "Without reports its messages end as unknown.")
    if gateway.name.partition("-")[0] in IN_CABINET:
        yield Line("ok", f"Reports of SMS gateway {gateway.name} come once their address stands in its cabinet.",
                   "`python -m app doctor --sms-addresses` prints it. Until then messages are asked after.")


async def addresses(context: Context) -> AsyncIterator[str]:
    """What is typed into gateways' cabinets: secrets, for the operator's eyes."""
    for business_id, name in await store.businesses(context.db):
        for gateway in gateways_of(context).names:
            kind = gateway.partition("-")[0]
            what = "report" if kind in IN_CABINET else "inbound" if kind in LISTENING else ""
            secret = await callbacks.find_secret(context.db, context.ring, business_id) if what else None
            if secret is not None:
                yield f"{name}: {gateway} {what}s {context.settings.address(callbacks.path_of(gateway, secret, what))}"
