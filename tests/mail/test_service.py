"""The outbox against a real mail server: taken, refused for now, refused for good, and everything that a connection can do."""
from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from app.db import write_transaction
from app.errors import Invalid
from app.mail import service
from app.mail.service import Mail

HELLO = Mail("anna@example.com", "Сертификат", "Осталось 7 дней.")


@pytest.fixture
def outbox(here, post):
    return connect(here, post)


def connect(here, post):
    here.settings = replace(here.settings, smtp=post.url, mail_from="Tessera <cards@example.com>")
    return here


async def queue(here, mail=HELLO, **given):
    return await write_transaction(here.db, lambda tx: service.queue(
        tx, here.ring, mail, **{"kind": "test", "business_id": None, "now": here.clock.now(), **given}))


async def row(here):
    return dict(await here.db.fetch_one("SELECT * FROM mails"))


async def test_a_queued_mail_goes_out_once(outbox, post):
    await queue(outbox)
    assert [await service.deliver_due(outbox) for _ in range(2)] == [1, 0]
    [(sender, to, content)] = post.got
    assert (sender, to) == ("cards@example.com", ["anna@example.com"])
    made = message_from_bytes(content, policy=policy.default)
    assert (made["subject"], made.get_content().strip()) == ("Сертификат", "Осталось 7 дней.")
    assert (await row(outbox))["sent_at"] is not None


async def test_the_same_word_is_queued_once_also_after_it_was_sent(outbox, post):
    assert await queue(outbox, dedupe="a") is not None
    assert await queue(outbox, dedupe="a") is None
    await service.deliver_due(outbox)
    assert await queue(outbox, dedupe="a") is None
    assert await queue(outbox, dedupe="b") is not None


async def test_nothing_of_a_person_lies_open_and_nothing_is_left_once_it_was_sent(outbox, post):
    await queue(outbox)
    before = await row(outbox)
    assert not [value for value in before.values() if "anna" in str(value)]
    await service.deliver_due(outbox)
    after = await row(outbox)
    assert outbox.ring.open_text(service.PURPOSE, bytes(after["text_sealed"]), str(after["id"]).encode()) == "{}"


async def test_a_transaction_that_is_undone_queues_nothing(outbox, post):
    async def act(tx):
        await service.queue(tx, outbox.ring, HELLO, kind="test", business_id=None, now=outbox.clock.now())
        raise Invalid()

    with pytest.raises(Invalid):
        await write_transaction(outbox.db, act)
    assert await outbox.db.fetch_val("SELECT COUNT(*) FROM mails") == 0


async def test_an_address_that_would_inject_a_recipient_is_refused_and_nothing_is_queued(outbox):
    with pytest.raises(Invalid):
        await queue(outbox, Mail("anna@example.com\r\nRCPT TO:<eve@example.com>", "x", "x"))
    assert await outbox.db.fetch_val("SELECT COUNT(*) FROM mails") == 0


@pytest.mark.parametrize("stage", ["at_recipient", "at_data"])
async def test_a_refusal_for_now_is_tried_again_with_growing_pauses(outbox, post, stage):
    setattr(post, stage, "451 4.3.0 try again, anna@example.com")
    await queue(outbox)
    for pause in (1, 2, 4):
        assert await service.deliver_due(outbox) == 0
        outbox.clock.advance(minutes=pause, seconds=-1)
        tries = (await row(outbox))["tries"]
        await service.deliver_due(outbox)
        assert (await row(outbox))["tries"] == tries            # not before its time
        outbox.clock.advance(seconds=1)
    assert (await row(outbox))["last_error"] == "451 4.3.0"
    setattr(post, stage, "250 OK")
    assert await service.deliver_due(outbox) == 1


@pytest.mark.parametrize("stage", ["at_recipient", "at_data"])
async def test_a_refusal_for_good_ends_the_mail_at_once(outbox, post, stage):
    setattr(post, stage, "550 5.1.1 no such user")
    await queue(outbox)
    await service.deliver_due(outbox)
    outbox.clock.advance(days=1)
    setattr(post, stage, "250 OK")
    assert await service.deliver_due(outbox) == 0
    kept = await row(outbox)
    assert (kept["last_error"], kept["tries"], kept["sent_at"]) == ("550 5.1.1", 1, None)
    assert kept["failed_at"] is not None


async def test_after_three_days_it_is_given_up_and_doctor_hears_why(outbox, post):
    post.at_data = "451 4.3.0 later"
    await queue(outbox)
    for _ in range(5):
        await service.deliver_due(outbox)
        outbox.clock.advance(days=1)
    kept = await row(outbox)
    assert kept["failed_at"] - kept["created_at"] <= 3 * 86_400_000
    outbox.clock.advance(days=-3)
    assert await service.trouble(outbox, outbox.clock.now()) == "451 4.3.0"


async def test_a_server_that_hangs_up_after_the_text_gets_it_again_as_the_same_mail(outbox, post):
    post.hangs_up = True
    await queue(outbox)
    assert await service.deliver_due(outbox) == 0
    assert (await row(outbox))["last_error"] == "the server hung up"
    post.hangs_up = False
    outbox.clock.advance(minutes=1)
    assert await service.deliver_due(outbox) == 1
    assert len({message_from_bytes(content)["message-id"] for _, _, content in post.got}) == 1


async def test_a_sender_that_died_gives_its_mail_to_the_next_after_its_lease(outbox, post):
    await queue(outbox)
    now = outbox.clock.now()
    from app.clock import to_ms
    from app.mail import store
    await write_transaction(outbox.db, lambda tx: store.claim(tx, to_ms(now), to_ms(now + service.LEASE)))
    assert await service.deliver_due(outbox) == 0
    outbox.clock.advance(minutes=5, seconds=1)
    assert await service.deliver_due(outbox) == 1


async def test_a_server_that_is_away_costs_one_try_and_the_others_wait(outbox, post):
    outbox.settings = replace(outbox.settings, smtp="smtp://127.0.0.1:1")
    await queue(outbox)
    await queue(outbox)
    assert await service.deliver_due(outbox) == 0
    assert await outbox.db.fetch_val("SELECT SUM(tries) FROM mails") == 1
    assert "refused" in await service.trouble(outbox, outbox.clock.now())


async def test_elsewhere_the_connection_is_encrypted_and_signed_in(here, secured, trusted):
    connect(here, secured)
    await queue(here)
    assert await service.deliver_due(here) == 1
    assert secured.signed_in == [(b"cards@example.com", b"a b@c")]


async def test_a_server_with_a_certificate_that_nobody_vouches_for_gets_no_password_and_no_mail(here, secured):
    connect(here, secured)
    await queue(here)
    assert await service.deliver_due(here) == 0
    assert (secured.signed_in, secured.got) == ([], [])
    assert "certificate" in await service.trouble(here, here.clock.now())


async def test_a_server_elsewhere_that_offers_no_encryption_gets_nothing(here, post, monkeypatch):
    from app.mail import smtp
    monkeypatch.setattr(smtp, "is_local", lambda host: False)
    connect(here, post)
    await queue(here)
    assert await service.deliver_due(here) == 0
    assert post.got == []
    assert "STARTTLS" in await service.trouble(here, here.clock.now())


async def test_a_wrong_password_keeps_the_mail_for_when_it_is_mended_and_shows_no_password(here, secured, trusted, caplog):
    connect(here, secured)
    here.settings = replace(here.settings, smtp=secured.url.replace("a%20b%40c", "secret%21"))
    await queue(here)
    assert await service.deliver_due(here) == 0
    assert (await row(here))["failed_at"] is None
    assert (await service.trouble(here, here.clock.now())).startswith("535")
    assert "secret" not in caplog.text + str(await row(here))


async def test_without_a_server_mail_waits_and_in_the_demo_it_stands_in_the_log(here, caplog):
    await queue(here)
    assert (await service.deliver_due(here), service.is_set_up(here.settings)) == (0, False)
    here.settings = replace(here.settings, demo=True)
    with caplog.at_level("INFO", logger="tessera.mail"):
        assert await service.deliver_due(here) == 1
    assert "Осталось 7 дней." in caplog.text


async def test_what_was_sent_long_ago_is_forgotten_and_what_waits_is_not(outbox, post):
    await queue(outbox)
    await service.deliver_due(outbox)
    await queue(outbox, dedupe="waits")
    outbox.clock.advance(days=401)
    assert await service.forget_old(outbox) == 1
    assert (await row(outbox))["dedupe"] == "waits"


async def test_doctor_says_that_mail_does_not_go_out_and_nothing_while_it_does(outbox, post):
    from app.commands import doctor
    await queue(outbox)
    await service.deliver_due(outbox)
    assert [line async for line in doctor.mails(outbox)] == []
    post.at_data = "554 5.7.1 we know you"
    await queue(outbox)
    await service.deliver_due(outbox)
    [line] = [line async for line in doctor.mails(outbox)]
    assert (line.level, line.what) == ("warn", "A mail could not be sent: 554 5.7.1.")
